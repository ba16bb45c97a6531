package shuffle

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkFetch is one reducer's request for two outputs of 1 MB each, over loopback.
func BenchmarkFetch(b *testing.B) {
	base := b.TempDir()
	dirs := finder{filepath.Join(base, "l1"), filepath.Join(base, "l2")}
	s := started(b, Config{KeepAlive: true, KeepAliveTime: 5e9}, dirs)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	output(b, dirs, map0, big)
	output(b, dirs, map1, big)
	query := fmt.Sprintf("job=job_9_0001&reduce=0&map=%s,%s", map0, map1)
	b.SetBytes(2 << 20)
	b.ReportAllocs()
	for b.Loop() {
		resp := s.request(b, fetch{query: query, name: "mapreduce"})
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 2<<20 {
			b.Fatalf("%d, %v", n, err)
		}
		if err := resp.Body.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
