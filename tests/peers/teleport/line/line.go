// Package line is a listening port that tests can cut and mend: its address stays while
// the port is closed. It must not know what is spoken on it.
package line

import (
	"net"
	"sync"
	"time"

	"github.com/gravitational/trace"
)

// Line is one address, with the connections that were made to it.
type Line struct {
	handle func(net.Conn)

	mu       sync.Mutex
	address  string
	listener net.Listener
	open     map[*conn]bool
	accepted int
	delay    time.Duration
}

// Listen opens the line. Each connection is given to handle, which runs on its own.
func Listen(address string, handle func(net.Conn)) (*Line, error) {
	l := &Line{address: address, handle: handle, open: map[*conn]bool{}}
	return l, l.Mend()
}

// Addr is where the line is, up or not.
func (l *Line) Addr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// Accepted is how many connections there were.
func (l *Line) Accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

// SetDelay lets every later connection wait before it is served.
func (l *Line) SetDelay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// Mend opens the port unless it is open.
func (l *Line) Mend() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		return trace.Wrap(err)
	}
	l.listener, l.address = listener, listener.Addr().String()
	go l.accept(listener)
	return nil
}

// Cut closes the port, so that it refuses, and every connection, as a process that ends does.
func (l *Line) Cut() {
	l.mu.Lock()
	if l.listener != nil {
		// Nothing is lost that could be told of.
		_ = l.listener.Close()
		l.listener = nil
	}
	l.mu.Unlock()
	l.end(false)
}

// Reset breaks every connection in the middle, as a network that fails does.
func (l *Line) Reset() { l.end(true) }

func (l *Line) end(abort bool) {
	l.mu.Lock()
	var open []*conn
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		if tcp, ok := c.Conn.(*net.TCPConn); ok && abort {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

func (l *Line) accept(listener net.Listener) {
	for {
		accepted, err := listener.Accept()
		if err != nil {
			return
		}
		c := &conn{Conn: accepted, line: l}
		l.mu.Lock()
		l.open[c] = true
		l.accepted++
		delay := l.delay
		l.mu.Unlock()
		go func() {
			time.Sleep(delay)
			l.handle(c)
		}()
	}
}

// conn forgets itself in its line when it is closed.
type conn struct {
	net.Conn
	line *Line
}

func (c *conn) Close() error {
	c.line.mu.Lock()
	delete(c.line.open, c)
	c.line.mu.Unlock()
	return c.Conn.Close()
}
