package api

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

var application = Of[*v1alpha1.Application]{
	Group: v1alpha1.GroupName, Version: "v1alpha1", Kind: "Application", Resource: "applications", Singular: "application",
	ShortNames: []string{"app"}, Namespaced: true,
	New:                    func() *v1alpha1.Application { return &v1alpha1.Application{} },
	NewList:                func() runtime.Object { return &v1alpha1.ApplicationList{} },
	Default:                defaultApplication,
	PrepareForCreate:       prepareApplicationForCreate,
	PrepareForUpdate:       prepareApplicationForUpdate,
	PrepareForStatusUpdate: prepareApplicationForStatusUpdate,
	Validate:               validateApplication,
	Columns: []metav1.TableColumnDefinition{
		nameColumn,
		column("Revision", "string", "Revision that is applied."),
		column("Sync", "string", "Whether the objects are those of the source."),
		column("Health", "string", "Whether all objects are healthy."),
		column("Message", "string", "What happens now, or what is wrong."),
		ageColumn,
		wide("Source", "string", "Where the manifests come from."),
		wide("Objects", "string", "Objects that are healthy, of those in the source."),
	},
	Row: applicationRow,
}

// DefaultSchedule is how often a source is asked for something new.
const DefaultSchedule = "@every 30s"

func defaultApplication(app *v1alpha1.Application) {
	if app.Spec.Schedule == "" {
		app.Spec.Schedule = DefaultSchedule
	}
	if app.Spec.Namespace == "" {
		app.Spec.Namespace = metav1.NamespaceDefault
	}
	if app.Spec.Prune.Enabled == nil {
		enabled := true
		app.Spec.Prune.Enabled = &enabled
	}
}

func prepareApplicationForCreate(app *v1alpha1.Application) {
	app.Status = v1alpha1.ApplicationStatus{}
	app.Generation = 1
}

func prepareApplicationForUpdate(app, old *v1alpha1.Application) {
	app.Status = old.Status
	app.Generation = old.Generation
	if !apiequality.Semantic.DeepEqual(app.Spec, old.Spec) {
		app.Generation++
	}
}

// prepareApplicationForStatusUpdate keeps all but the status; the managed fields are the server's own business.
func prepareApplicationForStatusUpdate(app, old *v1alpha1.Application) {
	app.Spec = old.Spec
	fields := app.ManagedFields
	version := app.ResourceVersion
	app.ObjectMeta = *old.ObjectMeta.DeepCopy()
	app.ManagedFields, app.ResourceVersion = fields, version
}

func applicationRow(app *v1alpha1.Application, now time.Time) []any {
	revision := ""
	if app.Status.Revision != nil {
		revision = shortRevision(app.Status.Revision.ID)
	}
	objects := app.Status.Objects
	return []any{
		app.Name, revision, app.Status.Sync, app.Status.Health, app.Status.Message, age(app.CreationTimestamp, now),
		sourceText(app.Spec.Source), fmt.Sprintf("%d/%d", objects.Healthy, objects.Desired),
	}
}

// shortRevision cuts a revision to what people say: "1a2b3c4", "1a2b3c4-dirty", "sha256:1a2b3c4".
func shortRevision(id string) string {
	const short = 7
	if digest, ok := strings.CutPrefix(id, "sha256:"); ok {
		return "sha256:" + digest[:min(short, len(digest))]
	}
	commit, _, dirty := strings.Cut(id, "-dirty-")
	commit = commit[:min(short, len(commit))]
	if dirty {
		commit += "-dirty"
	}
	return commit
}

// sourceText is the source in one cell: "https://git.example.org/shop.git@main:deploy".
func sourceText(source v1alpha1.ApplicationSource) string {
	if source.Dir != "" {
		return path.Join(source.Dir, source.Path)
	}
	text := source.Repo
	if ref := source.Branch + source.Tag + source.Commit; ref != "" {
		text += "@" + ref
	}
	if source.Path != "" {
		text += ":" + source.Path
	}
	return text
}

func validateApplication(app *v1alpha1.Application) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateApplicationSource(spec.Child("source"), app.Spec.Source)
	errs = append(errs, validateSchedule(spec.Child("schedule"), app.Spec.Schedule)...)
	for _, message := range validation.IsDNS1123Label(app.Spec.Namespace) {
		errs = append(errs, field.Invalid(spec.Child("namespace"), app.Spec.Namespace, message))
	}
	return errs
}

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

func validateApplicationSource(at *field.Path, source v1alpha1.ApplicationSource) field.ErrorList {
	var errs field.ErrorList
	refs := 0
	for _, ref := range []string{source.Branch, source.Tag, source.Commit} {
		if ref != "" {
			refs++
		}
	}
	switch {
	case source.Repo == "" && source.Dir == "":
		errs = append(errs, field.Required(at, "one of repo and dir must be set"))
	case source.Repo != "" && source.Dir != "":
		errs = append(errs, field.Forbidden(at.Child("dir"), "may not be set together with repo"))
	case source.Dir != "" && !path.IsAbs(source.Dir):
		errs = append(errs, field.Invalid(at.Child("dir"), source.Dir, "must be an absolute path"))
	case source.Dir != "" && refs > 0:
		errs = append(errs, field.Forbidden(at, "branch, tag and commit need a repo: a directory has no refs"))
	}
	if refs > 1 {
		errs = append(errs, field.Forbidden(at, "at most one of branch, tag and commit may be set"))
	}
	if source.Commit != "" && !fullCommit.MatchString(source.Commit) {
		errs = append(errs, field.Invalid(at.Child("commit"), source.Commit, "must be a full commit of 40 hex digits"))
	}
	if clean := path.Clean(source.Path); path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		errs = append(errs, field.Invalid(at.Child("path"), source.Path, "must be a path below the root of the source"))
	}
	return errs
}

// validateSchedule checks the time zone before the parser sees it, since the parser panics on some.
func validateSchedule(at *field.Path, schedule string) field.ErrorList {
	expression := schedule
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		rest, ok := strings.CutPrefix(expression, prefix)
		if !ok {
			continue
		}
		zone, times, _ := strings.Cut(rest, " ")
		if _, err := time.LoadLocation(zone); err != nil {
			return field.ErrorList{field.Invalid(at, schedule, "unknown time zone "+zone)}
		}
		expression = strings.TrimSpace(times)
		break
	}
	if _, err := cron.ParseStandard(expression); err != nil {
		return field.ErrorList{field.Invalid(at, schedule, `must be a cron expression of five fields, or such as "@every 30s": `+err.Error())}
	}
	return nil
}
