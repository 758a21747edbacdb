// Package endpoints writes down which Pods stand behind each Service: as EndpointSlices, and as the older Endpoints.
//
// What enters: Services with a selector, the Pods that match, and what is written already.
// What leaves: the fewest writes that bring EndpointSlices and Endpoints up to date.
//
//	Service, Pods ─▶ backends ─┬─▶ PlanSlices ────▶ create │ update │ delete EndpointSlices
//	                           └─▶ PlanEndpoints ─▶ create │ update Endpoints
//
//	backends.go   which Pods, in which state, with which ports
//	plan.go       backends against the EndpointSlices that exist
//	legacy.go     backends as Endpoints
//
// Nothing here moves traffic; runtime/network does, from what is written.
package endpoints
