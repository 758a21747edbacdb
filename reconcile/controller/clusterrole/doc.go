// Package clusterrole writes the rules of ClusterRoles that aggregate others: of admin, edit and view, and of what people add.
//
// What enters: ClusterRoles. What leaves: the rules of those with an aggregationRule.
//
//	ClusterRole ─▶ all that aggregate ─▶ Aggregate ─▶ update, if its rules differ
package clusterrole
