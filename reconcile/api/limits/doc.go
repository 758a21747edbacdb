// Package limits is what a LimitRange does to the containers of a new Pod: it fills in the requests and limits that they
// leave out, and then says which of them are out of bounds.
//
// What enters: a LimitRange with its defaults, a Pod with its own. What leaves: the Pod, completed, and errors in the words
// of Kubernetes. Everything here is pure.
//
//	Pod ──Complete──▶ requests, limits, annotation ──Check──▶ nil │ "maximum cpu usage per Container is 500m, but limit is 1"
package limits
