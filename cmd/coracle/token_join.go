package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	tokenutil "k8s.io/cluster-bootstrap/token/util"
)

// joinToken is what a machine needs to join: the bootstrap token ("<id>.<secret>"), by which the server trusts it for its first
// request, and the hash of the server's authority, by which it trusts the server: "<id>.<secret>.<hash>".
func joinToken(bootstrap string, ca *x509.Certificate) string {
	return bootstrap + "." + hashCA(ca)
}

// hashCA is the SHA-256 of the authority's public key (its SubjectPublicKeyInfo), in hex: a renewed certificate of the same key
// has the same.
func hashCA(ca *x509.Certificate) string {
	sum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// parseJoinToken takes apart what `coracle token create` printed. Its errors do not repeat the text: it is a secret.
func parseJoinToken(text string) (bootstrap, caHash string, err error) {
	text = strings.TrimSpace(text)
	cut := strings.LastIndexByte(text, '.')
	switch {
	case text == "":
		return "", "", errors.New("the token is empty; `coracle token create` on the server prints one")
	case tokenutil.IsValidBootstrapToken(text):
		return "", "", errors.New("the token lacks its third part, the hash of the server's certificate authority; give all that `coracle token create` printed")
	case cut < 0 || !tokenutil.IsValidBootstrapToken(text[:cut]):
		return "", "", errors.New("the token is not as `coracle token create` prints it: 6 and 16 letters or digits and a hash, with dots between")
	}
	hash := strings.ToLower(text[cut+1:])
	if sum, err := hex.DecodeString(hash); err != nil || len(sum) != sha256.Size {
		return "", "", fmt.Errorf("the token is cut short or changed: its third part has %d characters that should be %d hex digits", len(hash), hex.EncodedLen(sha256.Size))
	}
	return text[:cut], hash, nil
}
