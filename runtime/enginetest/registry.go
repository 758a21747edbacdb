package enginetest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"coracle.dev/coracle/runtime"
)

// Media types of Docker's registry format. Source: distribution, image manifest version 2, schema 2.
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// NewRegistry starts an image registry in this process, on the loopback (where engines accept plain HTTP), and returns its
// address, as "127.0.0.1:40001". It serves package app under every name with the tag "1", each an image of its own, but for
// the repository "broken", whose layer cannot be had. With auth it asks everybody for that user and password.
func NewRegistry(t testing.TB, auth *runtime.RegistryAuth) string {
	t.Helper()
	server := httptest.NewServer(&registry{t: t, auth: auth, repositories: map[string]repository{}})
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

type registry struct {
	t    testing.TB
	auth *runtime.RegistryAuth

	mu           sync.Mutex
	repositories map[string]repository
}

// repository is one image, by the paths that follow its name.
type repository map[string]document

type document struct {
	mediaType string
	content   []byte
}

func (r *registry) repository(host, name string) repository {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.repositories[name]; found != nil {
		return found
	}
	i := appImage(r.t, host+"/"+name)
	if name == "broken" { // else the engine would have the layer already
		i.layer = pack(r.t, 0o444, file{"unique", []byte(host)})
	}
	config := document{configType, i.config}
	layer := document{layerType, compress(r.t, i.layer)}
	manifest := document{manifestType, marshal(r.t, map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        config.descriptor(),
		"layers":        []any{layer.descriptor()},
	})}
	made := repository{
		"manifests/1":                    manifest,
		"manifests/" + manifest.digest(): manifest,
		"blobs/" + config.digest():       config,
		"blobs/" + layer.digest():        layer,
	}
	if name == "broken" {
		made["blobs/"+layer.digest()] = document{}
	}
	r.repositories[name] = made
	return made
}

func (d document) digest() string { return "sha256:" + digest(d.content) }

func (d document) descriptor() map[string]any {
	return map[string]any{"mediaType": d.mediaType, "size": len(d.content), "digest": d.digest()}
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if r.auth != nil {
		if user, password, _ := request.BasicAuth(); user != r.auth.Username || password != r.auth.Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="enginetest"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
	}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	name, path, named := strings.Cut(strings.TrimPrefix(request.URL.Path, "/v2/"), "/")
	if !named { // "/v2/" itself: the engine asks whether this is a registry
		return
	}
	switch found, there := r.repository(request.Host, name)[path]; {
	case !there:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	case found.content == nil:
		refuse(w, http.StatusForbidden, "TOOMANYREQUESTS", "come again later")
	default:
		w.Header().Set("Docker-Content-Digest", found.digest())
		w.Header().Set("Content-Type", found.mediaType)
		_, _ = w.Write(found.content)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"errors":[{"code":"` + code + `","message":"` + message + `"}]}`))
}
