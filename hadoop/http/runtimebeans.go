package hadoophttp

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// RegisterRuntime adds the beans about the process itself that monitors of Hadoop daemons read. They
// hold what is true of a Go process; attributes that only a JVM has are left out.
// service is the daemon's name in Hadoop's terms, such as ResourceManager.
func (b *Beans) RegisterRuntime(service string, started time.Time) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	b.Register("java.lang:type=Runtime", "heddle", func() Attributes {
		return Attributes{
			"Name": fmt.Sprintf("%d@%s", os.Getpid(), host), "StartTime": started.UnixMilli(), "Uptime": time.Since(started).Milliseconds(),
			"VmName": "Go", "VmVersion": runtime.Version(), "VmVendor": "The Go Authors",
		}
	})
	b.Register("java.lang:type=Memory", "heddle", func() Attributes {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return Attributes{"HeapMemoryUsage": map[string]uint64{"committed": m.HeapSys, "init": 0, "max": m.HeapSys, "used": m.HeapAlloc}}
	})
	b.Register("java.lang:type=Threading", "heddle", func() Attributes {
		return Attributes{"ThreadCount": runtime.NumGoroutine()}
	})
	b.Register("java.lang:type=OperatingSystem", "heddle", func() Attributes {
		return Attributes{"Name": runtime.GOOS, "Arch": runtime.GOARCH, "AvailableProcessors": runtime.NumCPU()}
	})
	b.Register("Hadoop:service="+service+",name=JvmMetrics", "JvmMetrics", func() Attributes {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		mb := func(n uint64) float64 { return float64(n) / (1 << 20) }
		return Attributes{
			"tag.Context": "jvm", "tag.ProcessName": service, "tag.Hostname": host,
			"MemHeapUsedM": mb(m.HeapAlloc), "MemHeapCommittedM": mb(m.HeapSys), "MemNonHeapUsedM": mb(m.Sys - m.HeapSys),
			"GcCount": m.NumGC, "GcTimeMillis": m.PauseTotalNs / 1e6, "ThreadsRunnable": runtime.NumGoroutine(),
		}
	})
}
