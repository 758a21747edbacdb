package node

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"coracle.dev/coracle/runtime"
)

// limitScore keeps a container's OOM score to what the engine may set. Scores below its own need CAP_SYS_RESOURCE, which an engine
// without root lacks, and one in a container often too; a start would fail.
func limitScore(spec *runtime.ContainerSpec, mayLower bool) {
	if !mayLower {
		spec.Resources.OOMScoreAdj = max(spec.Resources.OOMScoreAdj, 0)
	}
}

const capSysResource = 24

// mayLowerScores says whether this process may, which stands for the engine beside it.
func mayLowerScores() bool {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if set, ok := strings.CutPrefix(lines.Text(), "CapEff:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return err == nil && bits&(1<<capSysResource) != 0
		}
	}
	return false
}
