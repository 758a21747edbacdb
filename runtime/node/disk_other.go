//go:build !unix

package node

// diskUsed is not known here: nothing is collected, and no pressure is said.
func (n *Node) diskUsed() (int, error) { return 0, nil }
