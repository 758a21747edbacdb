// Package live shows Deployments rolling out and what coracle says of their Application, a line a change, for people.
//
// What enters: a kubeconfig. What leaves: lines, each only when it differs from the one before on the same object.
//
//	watch ──Deployment, Application──▶ line ──▶ 12:03:01  web     web:v3  ■■□  2/3 available …
package live
