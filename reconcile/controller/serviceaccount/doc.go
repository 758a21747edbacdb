// Package serviceaccount keeps in every namespace what each Pod there may count on: the ServiceAccount "default", and the
// ConfigMap "kube-root-ca.crt" with the certificate by which the API is known.
//
// What enters: namespaces, and these two objects. What leaves: writes of them.
//
//	Namespace ────────────────┐
//	ServiceAccount, ConfigMap ┴─▶ Plan ─▶ create │ restore
package serviceaccount
