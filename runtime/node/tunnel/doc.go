// Package tunnel is a node's end of the connection over which the API server reaches it.
//
// What enters: the server's requests for logs, exec, attach, port-forward and statistics. What leaves: the node's answers, and
// whether the server can be reached, by which the node's own requests wait.
//
//	node ──TLS, Upgrade──▶ server          the only connection that is opened for it, outwards
//	Handler ◀──streams── yamux ◀── server  each request is a stream
//
// Nothing listens on the node. A dead link is noticed by pings within 15 s; the next try waits 0.5 s, doubling to 10 s, each
// time a little differently, so that a fleet does not return as one.
package tunnel
