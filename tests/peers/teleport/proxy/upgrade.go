// upgrade.go is the connection upgrade: a WebSocket, or the older bare kind, that carries
// a TLS connection, which is then routed as if it had come to the port. What the proxy
// itself serves inside shows the cluster's certificate and not the web's.

package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gravitational/teleport/api/constants"
	"github.com/gravitational/teleport/api/utils/pingconn"
)

func (p *Proxy) upgrade(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-WebSocket-Key") != "" {
		p.upgradeWebSocket(w, r)
		return
	}
	kind := r.Header.Get(constants.WebAPIConnUpgradeHeader)
	if !p.config.LegacyUpgrade || !isUpgrade(kind) {
		http.NotFound(w, r)
		return
	}
	p.upgradeLegacy(w, kind)
}

func isUpgrade(kind string) bool {
	return kind == constants.WebAPIConnUpgradeTypeALPN || kind == constants.WebAPIConnUpgradeTypeALPNPing
}

func (p *Proxy) upgradeWebSocket(w http.ResponseWriter, r *http.Request) {
	chosen := ""
	upgrader := ws.HTTPUpgrader{Protocol: func(name string) bool {
		if isUpgrade(name) {
			chosen = name
		}
		return isUpgrade(name)
	}}
	raw, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		return
	}
	if chosen == "" {
		closeQuietly(raw)
		return
	}
	p.route(newSocket(buffer(raw, buffered.Reader), chosen == constants.WebAPIConnUpgradeTypeALPNPing), p.config.Host)
}

func (p *Proxy) upgradeLegacy(w http.ResponseWriter, kind string) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "no upgrade on this connection", http.StatusBadRequest)
		return
	}
	raw, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if _, err := fmt.Fprintf(raw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", kind); err != nil {
		closeQuietly(raw)
		return
	}
	c := buffer(raw, buffered.Reader)
	if kind == constants.WebAPIConnUpgradeTypeALPNPing {
		c = pingconn.New(c)
	}
	p.route(c, p.config.Host)
}

// buffer is the connection with what was already read of it.
func buffer(c net.Conn, read *bufio.Reader) net.Conn {
	return &replayed{Conn: c, reader: read}
}
