// Package bootstraptokens removes the Secrets of bootstrap tokens that have expired.
//
// What enters: Secrets of the type bootstrap.kubernetes.io/token in kube-system. What leaves: deletions.
//
// An expired token lets nobody in. Its Secret stays for a day longer, so that who comes with it can be told that it has expired.
package bootstraptokens
