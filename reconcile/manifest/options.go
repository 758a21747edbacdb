package manifest

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Options say what the tree is loaded for.
type Options struct {
	// Path is the directory below the root to load; "" is the root. Kustomizations there may name files anywhere in the tree.
	Path string
	// Namespace of objects that name none. "" is "default".
	Namespace string
	// Scheme has the Go types to decode strictly into. Kinds that it does not know are checked for their form only.
	// May be nil.
	Scheme *runtime.Scheme
	// Served tells whether a kind is served by the destination, and whether its objects live in namespaces.
	Served func(schema.GroupVersionKind) (namespaced, served bool)
	// Kinds are all served kinds, for hints at what may have been meant. May be empty.
	Kinds []schema.GroupVersionKind
	// Limits of the tree. The zero value is DefaultLimits.
	Limits Limits
	// Cache keeps parsed files from one Load to the next. May be nil.
	Cache *Cache
}

// Limits keep a tree from eating the machine. All are maxima.
type Limits struct {
	FileBytes  int64 // of one manifest; other files are not read
	TotalBytes int64 // of all manifests together
	Files      int   // all files and directories of the tree
	Objects    int
	Depth      int // of YAML nesting
	Nodes      int // of one YAML document, each alias counted as what it stands for
}

// DefaultLimits fit a repository of ten thousand objects several times over.
var DefaultLimits = Limits{
	FileBytes:  8 << 20,
	TotalBytes: 128 << 20,
	Files:      100_000,
	Objects:    50_000,
	Depth:      100,
	Nodes:      500_000,
}

func (o Options) withDefaults() Options {
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if o.Cache == nil {
		o.Cache = &Cache{}
	}
	return o
}
