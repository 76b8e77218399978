// socket.go makes a stream of the binary frames of a WebSocket, as its server. It is
// strict where the standard is: a frame that is not masked ends the connection.

package proxy

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gravitational/trace"
)

// pingEvery is how often a client that asked for it is pinged. Teleport takes 30 s.
const pingEvery = 2 * time.Second

type socket struct {
	net.Conn
	unread []byte
	// fragmented says that the last data frame was not the end of its message.
	fragmented bool

	writing sync.Mutex
	once    sync.Once
	closed  chan struct{}
}

func newSocket(c net.Conn, pinging bool) *socket {
	s := &socket{Conn: c, closed: make(chan struct{})}
	if pinging {
		go s.ping()
	}
	return s
}

func (s *socket) ping() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.closed:
			return
		case <-ticker.C:
			if s.send(ws.NewPingFrame([]byte("teleport"))) != nil {
				return
			}
		}
	}
}

func (s *socket) send(frame ws.Frame) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return trace.Wrap(ws.WriteFrame(s.Conn, frame))
}

func (s *socket) Write(b []byte) (int, error) {
	if err := s.send(ws.NewBinaryFrame(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (s *socket) Read(b []byte) (int, error) {
	for len(s.unread) == 0 {
		if err := s.receive(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

// receive takes one frame.
func (s *socket) receive() error {
	frame, err := ws.ReadFrame(s.Conn)
	if err != nil {
		return err
	}
	state := ws.StateServerSide
	if s.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(frame.Header, state); err != nil {
		_ = s.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusProtocolError, err.Error())))
		return trace.Wrap(err)
	}
	frame = ws.UnmaskFrameInPlace(frame)
	switch frame.Header.OpCode {
	case ws.OpClose:
		return io.EOF
	case ws.OpPing:
		return s.send(ws.NewPongFrame(frame.Payload))
	case ws.OpBinary, ws.OpContinuation:
		s.unread, s.fragmented = frame.Payload, !frame.Header.Fin
	}
	return nil
}

// Close says goodbye, which a client that is gone does not hear.
func (s *socket) Close() error {
	s.once.Do(func() {
		close(s.closed)
		_ = s.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		_ = s.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	})
	return s.Conn.Close()
}
