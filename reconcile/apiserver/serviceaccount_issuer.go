package apiserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/util/keyutil"

	"coracle.dev/coracle/reconcile/apiserver/token"
)

// tokenIssuer is the name of who issues the tokens of service accounts, and, as in upstream, for whom they are.
const tokenIssuer = "https://kubernetes.default.svc.cluster.local"

// newTokenIssuer signs with the key sa.key beside the certificate authority's, which it makes if there is none.
func newTokenIssuer(dir string) (*token.Issuer, error) {
	path := filepath.Join(dir, "sa.key")
	encoded, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		encoded, err = newTokenKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key of tokens: %w", err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(encoded)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok || own.Curve != elliptic.P256() {
		return nil, fmt.Errorf("read %s: not an ECDSA key on the curve P-256", path)
	}
	return token.NewIssuer(tokenIssuer, own)
}

func newTokenKey(path string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	encoded, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	return encoded, writeFile(path, encoded, 0o600)
}

// lookup is a token.Lookup: it answers from the watch cache, and asks the store where that seems to be behind.
func (r *registries) lookup(ctx context.Context, resource, namespace string, ref token.Ref) (metav1.Object, error) {
	// Errors name the resource that the request is about.
	ctx = request.WithRequestInfo(request.WithNamespace(ctx, namespace), &request.RequestInfo{
		IsResourceRequest: true, Verb: "get", APIVersion: "v1", Namespace: namespace, Resource: resource, Name: ref.Name,
	})
	cached, err := r.core(resource).Get(ctx, ref.Name, &metav1.GetOptions{ResourceVersion: "0"})
	if err == nil {
		if object, ok := cached.(metav1.Object); ok && (ref.UID == "" || object.GetUID() == ref.UID) {
			return object, nil
		}
	}
	stored, err := r.core(resource).Get(ctx, ref.Name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	object, ok := stored.(metav1.Object)
	if !ok {
		return nil, fmt.Errorf("%s %q is no object: %T", resource, ref.Name, stored)
	}
	return object, nil
}

// serveIssuer publishes how others verify tokens.
func serveIssuer(server *genericserver.GenericAPIServer, issuer *token.Issuer) error {
	discovery, err := issuer.Discovery()
	if err != nil {
		return fmt.Errorf("describe the issuer of tokens: %w", err)
	}
	keys, err := issuer.Keys()
	if err != nil {
		return fmt.Errorf("describe the keys of tokens: %w", err)
	}
	for path, document := range map[string]struct {
		mediaType string
		content   []byte
	}{
		"/.well-known/openid-configuration": {"application/json", discovery},
		token.KeysPath:                      {"application/jwk-set+json", keys},
	} {
		server.Handler.NonGoRestfulMux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", document.mediaType)
			w.Header().Set("Cache-Control", "public, max-age=3600")
			_, _ = w.Write(document.content) // a client that is gone needs no answer
		})
	}
	return nil
}
