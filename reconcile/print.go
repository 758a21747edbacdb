package reconcile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// mark is how an action is printed: its sign, and its colour on a terminal.
type mark struct{ sign, colour string }

var marks = map[Action]mark{
	ActionCreate: {"+", "\x1b[32m"},
	ActionChange: {"~", "\x1b[33m"},
	ActionPrune:  {"-", "\x1b[31m"},
	ActionHold:   {"=", "\x1b[36m"},
	ActionRefuse: {"!", "\x1b[35m"},
}

const resetColour = "\x1b[0m"

// oneLine keeps what an API server says, which may be many lines, from breaking the table.
var oneLine = strings.NewReplacer("\n", " ", "\t", " ")

// PrintText writes the plan for people: one line an object that is not simply left alone, its changed fields below, and
// a line with the counts at the end.
func (p Plan) PrintText(w io.Writer, colours bool) error {
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.TabIndent)
	var fields [][]FieldChange
	var actions []Action
	for _, item := range p.Items {
		if item.Action == ActionKeep && item.File != "" && item.LeftAlone == "" {
			continue
		}
		sign, reason := cmp.Or(marks[item.Action].sign, " "), item.Reason
		if item.LeftAlone != "" {
			reason += "; " + item.LeftAlone
		}
		fmt.Fprintf(table, "%s %s\t%s\t%s\n", sign, item.Key, cmp.Or(item.File, "-"), oneLine.Replace(reason))
		fields, actions = append(fields, item.Fields), append(actions, item.Action)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i, line := range bytes.SplitAfter(out.Bytes(), []byte("\n"))[:len(fields)] {
		writeColoured(w, string(line), marks[actions[i]].colour, colours)
		for _, field := range fields[i] {
			fmt.Fprintf(w, "    %s: %s → %s\n", field.Path, cmp.Or(field.Old, "(none)"), cmp.Or(field.New, "(none)"))
		}
	}
	for _, problem := range p.Problems {
		writeColoured(w, "! "+problem+"\n", marks[ActionRefuse].colour, colours)
	}
	_, err := fmt.Fprintf(w, "%s at %s: %s\n", p.Application, cmp.Or(p.Revision.Short(), "no revision"), p.Summary())
	return err
}

func writeColoured(w io.Writer, line, colour string, colours bool) {
	if colours && colour != "" {
		line = colour + line[:len(line)-1] + resetColour + "\n"
	}
	_, _ = io.WriteString(w, line)
}

// Summary is the plan in one line: "1 to create, 2 to change, 0 to prune, 14 left alone".
func (p Plan) Summary() string {
	text := fmt.Sprintf("%d to create, %d to change, %d to prune, %d left alone",
		p.Count(ActionCreate), p.Count(ActionChange), p.Count(ActionPrune), p.Count(ActionKeep))
	for _, more := range []struct {
		n    int
		what string
	}{{p.Count(ActionHold), "held back"}, {p.Count(ActionRefuse), "refused"}, {len(p.Problems), "not loaded"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %d %s", more.n, more.what)
		}
	}
	return text
}

// PrintJSON writes the whole plan, what is left alone included.
func (p Plan) PrintJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(p)
}
