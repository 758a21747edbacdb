package gitsource

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// remote is one conversation with a repository elsewhere: advertise once, then at most one pack.
type remote interface {
	// advertise lists the remote's refs.
	advertise(ctx context.Context) (advertised, error)
	// pack streams all that the wanted objects need and the cache lacks. partial says that files above maxFileBytes are left
	// out. The caller reads to the end and closes.
	pack(ctx context.Context, r packRequest) (pack io.ReadCloser, partial bool, err error)
	// wantsAny says that commits may be asked for which no ref points to.
	wantsAny() bool
	close() error
}

// packRequest is what to bring, and what need not be brought.
type packRequest struct {
	wants        []plumbing.Hash
	haves        []plumbing.Hash            // commits that the cache holds in full, a sample of its history
	has          func(h plumbing.Hash) bool // whether the cache holds an object in full
	maxFileBytes int64
}

// wire is what the remotes of Git's smart protocol have in common.
type wire struct {
	refs *packp.AdvRefs
}

func (w wire) advertised() advertised {
	a := advertised{refs: w.refs.References, peeled: w.refs.Peeled}
	if w.refs.Head != nil {
		a.headCommit = *w.refs.Head
	}
	for _, symref := range w.refs.Capabilities.Get(capability.SymRef) {
		if name, ok := strings.CutPrefix(symref, "HEAD:"); ok {
			a.head = name
		}
	}
	return a
}

func (w wire) wantsAny() bool {
	return w.refs.Capabilities.Supports(capability.AllowReachableSHA1InWant) ||
		w.refs.Capabilities.Supports(capability.AllowTipSHA1InWant)
}

// request asks for no delta against objects that are not in the pack, since go-git cannot index those, and for a partial
// pack where the server can make one.
func (w wire) request(r packRequest) (request *packp.UploadPackRequest, partial bool) {
	request = packp.NewUploadPackRequestFromCapabilities(w.refs.Capabilities)
	request.Wants = r.wants
	request.Haves = r.haves
	if w.refs.Capabilities.Supports(capability.Filter) {
		partial = true
		request.Capabilities.Set(capability.Filter)
		// The limit itself still fits; the filter drops what is at least as long as its number.
		request.Filter = packp.FilterBlobLimit(uint64(r.maxFileBytes)+1, packp.BlobLimitPrefixNone)
	}
	return request, partial
}

// unwrap gives the pack inside a response.
func unwrap(request *packp.UploadPackRequest, response io.Reader) io.Reader {
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, response)
	case request.Capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, response)
	default:
		return response
	}
}

// bound is a stream of which the closing is another's matter.
type bound struct {
	io.Reader
	io.Closer
}

// open starts a conversation with the repository at l.
func open(ctx context.Context, l location, options GitOptions, client *http.Client) (remote, error) {
	switch l.scheme {
	case schemeFile:
		return openLocal(l.path)
	case schemeHTTP, schemeHTTPS:
		return openHTTP(l, options, client)
	case schemeSSH:
		return openSSH(ctx, l, options)
	default:
		return nil, fmt.Errorf("no transport for %q", l.scheme)
	}
}
