package node

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// registryLogin is one entry of a Docker config file.
type registryLogin struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"` // base64 of user:password
	IdentityToken string `json:"identitytoken"`
}

// pullAuth finds the credentials for an image in the Pod's imagePullSecrets; nil is none. A Secret that is missing or
// unreadable is passed over, as upstream does: the registry says what it lacks.
func (n *Node) pullAuth(ctx context.Context, pod *corev1.Pod, image string) *runtime.RegistryAuth {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nil
	}
	for _, ref := range pod.Spec.ImagePullSecrets {
		secret, err := n.objects.secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			continue
		}
		if auth := authIn(secret, reference.Domain(named)); auth != nil {
			return auth
		}
	}
	return nil
}

// authIn finds the login for a registry in a Secret of either Docker type.
func authIn(secret *corev1.Secret, domain string) *runtime.RegistryAuth {
	logins := map[string]registryLogin{}
	if data := secret.Data[corev1.DockerConfigJsonKey]; data != nil {
		var file struct {
			Auths map[string]registryLogin `json:"auths"`
		}
		if json.Unmarshal(data, &file) != nil {
			return nil
		}
		logins = file.Auths
	} else if json.Unmarshal(secret.Data[corev1.DockerConfigKey], &logins) != nil {
		return nil
	}
	for _, address := range sortedKeys(logins) {
		if registryDomain(address) != domain {
			continue
		}
		login := logins[address]
		if decoded, err := base64.StdEncoding.DecodeString(login.Auth); err == nil && login.Username == "" {
			login.Username, login.Password, _ = strings.Cut(string(decoded), ":")
		}
		return &runtime.RegistryAuth{
			Username: login.Username, Password: login.Password,
			IdentityToken: login.IdentityToken, ServerAddress: address,
		}
	}
	return nil
}

// registryDomain of a config file's address: "https://index.docker.io/v1/" is docker.io.
func registryDomain(address string) string {
	address = strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	domain, _, _ := strings.Cut(address, "/")
	if domain == "index.docker.io" || domain == "registry-1.docker.io" {
		return "docker.io"
	}
	return domain
}
