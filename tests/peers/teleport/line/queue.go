// queue.go is a listener without a port: its connections were accepted elsewhere.

package line

import (
	"net"
	"sync"
)

// Queue is a net.Listener that serves the connections that it is given.
type Queue struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// NewQueue is an empty one.
func NewQueue() *Queue {
	return &Queue{waiting: make(chan net.Conn), closed: make(chan struct{})}
}

// Give hands a connection to the server; after the end it is closed.
func (q *Queue) Give(c net.Conn) {
	select {
	case q.waiting <- c:
	case <-q.closed:
		_ = c.Close()
	}
}

// Accept waits for a connection.
func (q *Queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.waiting:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener, and no connection.
func (q *Queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr is nowhere.
func (q *Queue) Addr() net.Addr { return &net.TCPAddr{} }
