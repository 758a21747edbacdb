// Package docker is a runtime.Engine over the Docker Engine API, from version 20.10 (API 1.41) on.
//
// What enters: the calls of runtime.Engine. What leaves: requests to one Docker Engine, and its answers in the words
// of package runtime.
//
//	ContainerSpec ──config.go──▶ POST /containers/create      (pure: tested without an engine)
//	runtime.Container ◀──state.go── GET /containers/x/json    (pure)
//	error ◀──errors.go── status code, message, broken connection (pure)
//
// Three rules hold for every call. It has a deadline, for one wedged container can make an engine hang. It touches
// nothing without our label: a container of others is ErrNotFound here, whatever is asked. And at most four containers
// start at once, which is where a Docker Engine peaks; more only makes each of them slower.
//
// The sandbox image is made here, from the program of package pause, and loaded when a sandbox is first created.
package docker
