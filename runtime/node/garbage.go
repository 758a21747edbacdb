package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coracle.dev/coracle/runtime"
)

// Thresholds of image collection, as upstream's defaults.
const (
	garbagePeriod = 5 * time.Minute
	diskHigh      = 85 // percent used, from which images are removed
	diskLow       = 80 // percent used, at which that ends
	diskPressure  = 90 // percent used, from which the node says so
	imageRest     = 2 * time.Minute
)

// collectGarbage removes images that coracle pulled and nothing uses, while the disk is full. Dead containers are seen to by
// Plan, which keeps the newest of each for its log.
func (n *Node) collectGarbage(ctx context.Context) {
	ticker := n.Clock.NewTicker(garbagePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		if err := n.collectImages(ctx); err != nil && ctx.Err() == nil {
			n.Logger.Warn().Err(err).Str("node", n.Name).Msg("collect images")
		}
	}
}

// collectImages removes until the disk is below diskLow, the least recently used first.
func (n *Node) collectImages(ctx context.Context) error {
	used, err := n.diskUsed()
	if err != nil || used < diskHigh {
		return err
	}
	present, err := n.Engine.ListImages(ctx)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	candidates := unusedImages(present, n.images.ours(), n.inventory.imagesInUse(), n.Clock.Now())
	for _, ref := range candidates {
		if used, err = n.diskUsed(); err != nil || used < diskLow {
			return err
		}
		err := n.Engine.RemoveImage(ctx, ref)
		if errors.Is(err, runtime.ErrConflict) {
			continue // in use by what is not ours
		}
		if err != nil {
			return fmt.Errorf("remove image %s: %w", ref, err)
		}
		n.Logger.Info().Str("node", n.Name).Str("image", ref).Msg("removed unused image")
		if err := n.images.dropped(ref); err != nil {
			return err
		}
	}
	return nil
}

// unusedImages are the references, among those that coracle pulled, which no container uses, the longest unused first.
// An image that someone else has tagged too is theirs.
func unusedImages(present []runtime.Image, ours map[string]time.Time, inUse map[string]bool, now time.Time) []string {
	others := map[string]bool{} // ids with a tag that is not ours
	idOf := map[string]string{}
	for _, image := range present {
		for _, ref := range slices.Concat(image.Tags, image.RepoDigests) {
			idOf[ref] = image.ID
		}
		for _, tag := range image.Tags {
			if _, pulled := ours[tag]; !pulled {
				others[image.ID] = true
			}
		}
	}
	var unused []string
	for ref, last := range ours {
		id := idOf[ref]
		if !inUse[ref] && !inUse[id] && !others[id] && now.Sub(last) >= imageRest {
			unused = append(unused, ref)
		}
	}
	slices.SortFunc(unused, func(a, b string) int {
		return cmp.Or(ours[a].Compare(ours[b]), cmp.Compare(a, b))
	})
	return unused
}

// diskFull says whether the node is short of disk.
func (n *Node) diskFull() bool {
	used, err := n.diskUsed()
	return err == nil && used >= diskPressure
}
