package apiserver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api"
)

// tables turns objects and lists into what `kubectl get` prints.
type tables struct {
	kind  api.Kind
	clock clock.PassiveClock
}

// ConvertToTable implements rest.TableConvertor.
func (t tables) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if opt, ok := options.(*metav1.TableOptions); !ok || !opt.NoHeaders {
		table.ColumnDefinitions = t.kind.Columns
	}
	if list, err := meta.ListAccessor(object); err == nil {
		table.ResourceVersion = list.GetResourceVersion()
		table.Continue = list.GetContinue()
		table.RemainingItemCount = list.GetRemainingItemCount()
	} else if one, err := meta.CommonAccessor(object); err == nil {
		table.ResourceVersion = one.GetResourceVersion()
	}
	now := t.clock.Now()
	add := func(obj runtime.Object) error {
		cells := t.kind.Row(obj, now)
		if len(cells) != len(t.kind.Columns) {
			return fmt.Errorf("table of %s: %d cells for %d columns", t.kind.Resource, len(cells), len(t.kind.Columns))
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells, Object: runtime.RawExtension{Object: obj}})
		return nil
	}
	if meta.IsListType(object) {
		return table, meta.EachListItem(object, add)
	}
	return table, add(object)
}
