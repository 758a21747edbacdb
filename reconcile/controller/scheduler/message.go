package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// NoNodes is the message where there are no nodes at all.
const NoNodes = "no nodes available to schedule pods"

// Message says why the Pod goes nowhere, in upstream's words: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s)
// had untolerated taint(s). preemption: …".
func (d Decision) Message() string {
	if d.Nodes == 0 {
		return NoNodes
	}
	message := unavailable(d.Nodes, d.Rejections)
	if note := d.Preemption.Note(d.Nodes); note != "" {
		message += " preemption: " + note
	}
	return message
}

// unavailable lists counts with their reasons, sorted as text, so "10 …" stands before "2 …", as upstream has it.
func unavailable(nodes int, reasons map[string]int) string {
	lines := make([]string, 0, len(reasons))
	for text, count := range reasons {
		lines = append(lines, fmt.Sprintf("%d %s", count, text))
	}
	slices.Sort(lines)
	return fmt.Sprintf("0/%d nodes are available: %s.", nodes, strings.Join(lines, ", "))
}
