package gitsource

import (
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing/object"
)

// Bounds on what a commit may put into annotations and tables, in characters.
const (
	maxSubject = 300
	maxName    = 100
)

func revisionOf(commit *object.Commit, ref string) Revision {
	subject, _, _ := strings.Cut(strings.TrimLeft(commit.Message, "\r\n\t "), "\n")
	return Revision{
		ID:      commit.Hash.String(),
		Subject: clean(subject, maxSubject),
		Author:  clean(commit.Author.Name, maxName),
		Email:   clean(commit.Author.Email, maxName),
		Time:    commit.Committer.When,
		Ref:     ref,
	}
}

// clean makes text that anyone may have written fit for one line of a terminal: valid UTF-8, with neither control characters nor
// the invisible ones that reorder text, white space as single blanks, and at most most characters.
func clean(text string, most int) string {
	text = strings.ToValidUTF8(text, string(unicode.ReplacementChar))
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Cf, r) && r != zeroWidthJoiner:
			return -1
		default:
			return r
		}
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// zeroWidthJoiner holds emoji together.
const zeroWidthJoiner = '\u200d'
