package token

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// algorithm goes with keys on the curve P-256.
const algorithm = jose.ES256

// Ref is an object, as claims name it.
type Ref struct {
	Name string    `json:"name"`
	UID  types.UID `json:"uid,omitempty"`
}

// Claims are what a token says beside the registered claims. At most one of Pod, Node alone, and Secret is what it is bound
// to; with a Pod, Node is where that runs.
type Claims struct {
	Namespace      string `json:"namespace"`
	ServiceAccount Ref    `json:"serviceaccount"`
	Pod            *Ref   `json:"pod,omitempty"`
	Node           *Ref   `json:"node,omitempty"`
	Secret         *Ref   `json:"secret,omitempty"`
}

// private is the claim that holds Claims.
type private struct {
	Kubernetes Claims `json:"kubernetes.io"`
}

// Issuer signs tokens. It is safe for concurrent use.
type Issuer struct {
	url    string
	public jose.JSONWebKey
	signer jose.Signer
}

// NewIssuer makes an issuer of this name, which is the URL below which its keys are served. The key is on the curve P-256.
func NewIssuer(url string, key *ecdsa.PrivateKey) (*Issuer, error) {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encode the public key of tokens: %w", err)
	}
	digest := sha256.Sum256(der)
	id := base64.RawURLEncoding.EncodeToString(digest[:])
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		return nil, fmt.Errorf("use the key of tokens: %w", err)
	}
	public := jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: string(algorithm), Use: "sig"}
	return &Issuer{url: url, public: public, signer: signer}, nil
}

// Issue signs a token for the audiences, good from now on until its expiry.
func (i *Issuer) Issue(claims Claims, audiences []string, now, expiry time.Time) (string, error) {
	registered := jwt.Claims{
		Issuer: i.url, Subject: serviceaccount.MakeUsername(claims.Namespace, claims.ServiceAccount.Name), Audience: audiences,
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expiry), ID: uuid.NewString(),
	}
	token, err := jwt.Signed(i.signer).Claims(registered).Claims(private{claims}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// KeysPath is where the issuer's keys are served, below its URL.
const KeysPath = "/openid/v1/jwks"

// Discovery is the document at /.well-known/openid-configuration.
func (i *Issuer) Discovery() ([]byte, error) {
	return json.Marshal(map[string]any{
		"issuer": i.url, "jwks_uri": i.url + KeysPath,
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(algorithm)},
	})
}

// Keys is the document at KeysPath: a JSON Web Key Set.
func (i *Issuer) Keys() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.public}})
}
