// Package token issues the tokens of service accounts, and knows their bearers again.
//
// What enters: a private key, and the objects that a token is about. What leaves: JWTs in upstream's form, the user that
// one stands for, and the two documents by which others verify them (OpenID Connect discovery).
//
//	TokenRequest ─▶ Issue ─▶ JWT ─▶ AuthenticateToken ─▶ signature, issuer, audience, time ─▶ objects still there? ─▶ user
//
// A token says for which ServiceAccount it is, by name and UID, and perhaps to which Pod, Node or Secret it is bound. It ends at its
// time, or before, with the first of these objects.
package token
