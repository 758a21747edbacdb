// Package api says what coracle serves: one Kind a resource, with its names, defaults, validation, table columns and
// update rules, and the scheme that all of them make up.
//
// The objects are the structs of k8s.io/api; our own kinds are in the group coracle.dev. Each struct is registered
// as the served version and as the internal (hub) version too, so there is no conversion code but for Events, which
// two groups serve in two shapes, and for HorizontalPodAutoscalers, which have two versions.
//
//	Kinds() ──▶ Scheme, Codecs        (decode, default, encode)
//	        ──▶ reconcile/apiserver   (one registry a Kind: strategy, table, storage)
//
// Everything here is pure: no clock, client, or I/O. One file per kind, named after it; what several kinds share
// of the Pod spec is in the files named pod_*.go. To serve another kind, add a file and a line in Kinds.
//
// A field that coracle does not carry out is an error of validation with its path and a reason, or, where ignoring
// it is harmless, a warning (see Kind.Warnings). For Pods every field is decided: pod_fields.go lists what is carried out,
// pod_unsupported.go what is not, with the reason that users read.
package api
