// Package certificates answers CertificateSigningRequests: it approves those of machines that join or renew, signs what is
// approved, and removes what is old.
//
// What enters: requests, and what is known of the node whose name is asked for. What leaves: verdicts with their reasons,
// certificates, and deletions.
//
//	request ────────────┐
//	Node, Lease ─▶ heard ┴─▶ PlanRequest ─▶ approve │ deny │ sign │ fail │ delete
//
// Two signers are ours, with Kubernetes' names and rules. kubernetes.io/kube-apiserver-client-kubelet makes a machine a node: it is
// approved for who holds a bootstrap token, unless a live node has the name, and for a node that renews its own.
// kubernetes.io/kube-apiserver-client makes users: a person approves (`kubectl certificate approve`, `coracle user add`).
package certificates
