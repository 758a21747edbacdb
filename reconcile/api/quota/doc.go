// Package quota says what an object uses of a ResourceQuota: which of the amounts that a quota can bound it counts towards, how
// much of them, and whether it is in the quota's scopes. The API server asks before an object is made, and the quota
// controller ever after, so that both count alike.
//
// What enters: an object, or only its metadata where objects are merely counted. What leaves: amounts by name. The rules are
// those of Kubernetes. Everything here is pure; the time is an argument, for a Pod stops counting once it should be gone.
//
//	resource ──For──▶ Meter ──Usage──▶ pods: 1, requests.cpu: 100m, count/pods: 1
//	                        ──InScopes─▶ false for a Pod without deadline in a quota of scope Terminating
//	                        ──Require──▶ "must specify limits.cpu for: web"
//
// meter.go has what is alike for all resources, and plain counts; pod.go and service.go the two that use more than a count;
// scope.go the scopes, which only Pods have.
package quota
