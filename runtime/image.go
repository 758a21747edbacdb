package runtime

import "time"

// Image is one image on the engine.
type Image struct {
	ID          string
	Tags        []string // references, as "web:v1"
	RepoDigests []string
	SizeBytes   int64
	Created     time.Time

	// From InspectImage only.
	User       string
	Entrypoint []string
	Cmd        []string
	Platform   string // "linux/amd64"
}

// RegistryAuth are credentials for one registry.
type RegistryAuth struct {
	Username, Password string
	IdentityToken      string
	ServerAddress      string
}

// PullProgress is one report of a running pull. Bytes are of all layers known so far.
type PullProgress struct {
	CurrentBytes, TotalBytes int64
	Status                   string
}
