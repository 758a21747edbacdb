package apiserver

import (
	"runtime/debug"
	"strings"

	apiversion "k8s.io/apimachinery/pkg/version"
	utilcompatibility "k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/component-base/compatibility"
	baseversion "k8s.io/component-base/version"
)

// Version is that of Kubernetes that is followed, with "+coracle": the libraries' v0.37.2 is "v1.37.2+coracle".
func Version() string { return kubernetesVersion(librariesVersion()) }

func kubernetesVersion(libraries string) string {
	if minor, ok := strings.CutPrefix(libraries, "v0."); ok {
		return "v1." + minor + "+coracle"
	}
	return "v" + baseversion.DefaultKubeBinaryVersion + ".0+coracle"
}

// librariesVersion is that of k8s.io/apiserver in this build, "" where the build does not say.
func librariesVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == "k8s.io/apiserver" {
			return module.Version
		}
	}
	return ""
}

// effectiveVersion has /version answer with Version.
type effectiveVersion struct{ compatibility.EffectiveVersion }

func newEffectiveVersion() effectiveVersion {
	return effectiveVersion{utilcompatibility.DefaultBuildEffectiveVersion()}
}

// Info implements compatibility.EffectiveVersion.
func (e effectiveVersion) Info() *apiversion.Info {
	info := e.EffectiveVersion.Info()
	info.GitVersion = Version()
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				info.GitCommit = setting.Value
			}
		}
	}
	return info
}
