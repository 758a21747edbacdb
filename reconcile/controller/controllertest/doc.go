// Package controllertest runs controllers in tests against client-go's fake clientset, made to behave like an API server
// where controllers depend on it: names from generateName, UIDs, resource versions that can be ordered, generations, a
// status that only /status changes, conflicts, preconditions, and Pods that stay, marked, until their node confirms.
//
//	test ──▶ API.Client ◀──▶ controller (its informers watch the same)
//
// It keeps no defaults, runs no admission and collects no garbage.
package controllertest
