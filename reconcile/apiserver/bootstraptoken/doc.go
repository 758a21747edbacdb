// Package bootstraptoken lets in machines that have nothing yet but a token: a Secret bootstrap-token-<id> in kube-system, as
// Kubernetes keeps them.
//
// What enters: the bearer token of a request, "<id>.<secret>". What leaves: the user system:bootstrap:<id> in the group
// system:bootstrappers, or, to who holds the right secret of a token that has expired, that it has.
//
//	request ─▶ Explain ─▶ 401 "the bootstrap token … expired"
//	             └──────▶ Authenticator ─▶ user │ not ours
//	                          └── Check: Secret, secret, now (pure)
package bootstraptoken
