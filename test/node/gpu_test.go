package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
)

const threeGPUs = `#!/bin/sh
cat <<'E'
<?xml version="1.0" ?><!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd"><nvidia_smi_log>
<gpu id="00000000:04:00.0"><product_name>Card</product_name><uuid>GPU-aa</uuid><minor_number>0</minor_number></gpu>
<gpu id="00000000:82:00.0"><product_name>Card</product_name><uuid>GPU-bb</uuid><minor_number>1</minor_number></gpu>
<gpu id="00000000:86:00.0"><product_name>Card</product_name><uuid>GPU-cc</uuid><minor_number>2</minor_number></gpu>
</nvidia_smi_log>
E
`

// withGPUs is the configuration of a node whose nvidia-smi is the given script.
func withGPUs(t *testing.T, script string, more map[string]string) map[string]string {
	t.Helper()
	smi := filepath.Join(t.TempDir(), "nvidia-smi")
	if err := os.WriteFile(smi, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	site := map[string]string{
		"yarn.resource-types": yarn.GPUName, "yarn.nodemanager.resource-plugins": yarn.GPUName,
		"yarn.nodemanager.resource-plugins.gpu.path-to-discovery-executables": smi,
		"yarn.nodemanager.resource-plugins.release-wait-ms":                   "50",
	}
	for k, v := range more {
		site[k] = v
	}
	return site
}

func TestGPUsAreAssignedAndShown(t *testing.T) {
	b := Start(t, Options{Site: withGPUs(t, threeGPUs, map[string]string{"yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices": "0:0,2:2"})})
	offered := int64(-1)
	for _, r := range b.Registrations()[0].GetResource().GetResourceValueMap() {
		if r.GetKey() == yarn.GPUName {
			offered = r.GetValue()
		}
	}
	if offered != 2 {
		t.Errorf("the node offers %d GPUs, want the 2 that are allowed", offered)
	}
	am := b.AM(t, "alice", 1)
	see := []string{"{ echo \\\"[$CUDA_VISIBLE_DEVICES] [$NVIDIA_VISIBLE_DEVICES]\\\"; sleep 1000; }", "1><LOG_DIR>/stdout"}
	first := am.Start(t, Launch{GPUs: 1, Commands: see, Env: map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-of-others"}})
	got := strings.TrimSpace(am.Logged(t, first, "stdout", "]\n"))
	second := am.Start(t, Launch{GPUs: 1, Commands: see})
	got2 := strings.TrimSpace(am.Logged(t, second, "stdout", "]\n"))
	if a, c := "[GPU-aa] [GPU-aa]", "[GPU-cc] [GPU-cc]"; !(got == a && got2 == c || got == c && got2 == a) {
		t.Errorf("the containers see %s and %s", got, got2)
	}
	none := am.Start(t, Launch{Commands: see})
	if got := strings.TrimSpace(am.Logged(t, none, "stdout", "]\n")); got != "[] [void]" {
		t.Errorf("a container without GPUs sees %s", got)
	}
	if _, body := b.Get(t, "/ws/v1/node/resources/yarn.io%2Fgpu"); !strings.Contains(body, `"containerId":"`+first.String()+`"`) || !strings.Contains(body, `"totalGpuDevices":[{"index":0`) {
		t.Errorf("the page shows %s", body)
	}
	// more than there is: the container fails and says so, and nobody loses a device
	if s := am.Done(t, am.Start(t, Launch{GPUs: 1, Commands: []string{"true"}})); s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), "1 GPUs were granted") {
		t.Errorf("%d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	am.Stop(t, first)
	am.Done(t, first)
	third := am.Start(t, Launch{GPUs: 1, Commands: see})
	if again := strings.TrimSpace(am.Logged(t, third, "stdout", "]\n")); again != got {
		t.Errorf("the freed device was %s, the next container sees %s", got, again)
	}
}

// The ResourceManager grants a device again as soon as its ApplicationMaster gives it back; whoever had it may take
// longer to end. The next container waits for that, and one that is ended meanwhile waits no longer.
func TestAContainerWaitsForADeviceThatIsBeingFreed(t *testing.T) {
	b := Start(t, Options{Site: withGPUs(t, threeGPUs, map[string]string{
		"yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices": "2:2",
		"yarn.nodemanager.resource-plugins.release-wait-ms":         "60000",
		"yarn.nodemanager.sleep-delay-before-sigkill.ms":            "700",
	})})
	am := b.AM(t, "alice", 1)
	first := am.Start(t, Launch{GPUs: 1, Commands: []string{"{ trap '' TERM; echo has it; while :; do sleep 0.05; done; }", "1><LOG_DIR>/stdout"}})
	am.Logged(t, first, "stdout", "has it")
	am.Stop(t, first)
	next := am.Start(t, Launch{GPUs: 1, Commands: []string{"{ echo [$CUDA_VISIBLE_DEVICES]; sleep 1000; }", "1><LOG_DIR>/stdout"}})
	if got := strings.TrimSpace(am.Logged(t, next, "stdout", "]\n")); got != "[GPU-cc]" {
		t.Errorf("the next container sees %s", got)
	}
	if s := am.Status(t, first); s.GetState() != yarnpb.ContainerStateProto_C_COMPLETE {
		t.Errorf("the device has two owners: the first is %s", s.GetState())
	}
	third := am.Start(t, Launch{GPUs: 1, Commands: []string{"true"}})
	am.Stop(t, third)
	if s := am.Done(t, third); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

// offered is how many GPUs the node registered with last.
func (b *Box) offered() int64 {
	all := b.Registrations()
	for _, r := range all[len(all)-1].GetResource().GetResourceValueMap() {
		if r.GetKey() == yarn.GPUName {
			return r.GetValue()
		}
	}
	return -1
}

// A card that falls from the bus, or is not well, is given to nobody; the ResourceManager hears of it at once, and of
// its return; the container that had it ends by a fault of the platform. A probe that hangs changes nothing.
func TestGPUsThatAreLostOrNotWell(t *testing.T) {
	site := withGPUs(t, threeGPUs, map[string]string{"yarn.nodemanager.resource-plugins.gpu.health-interval-ms": "20", "yarn.nodemanager.resource-plugins.gpu.discovery-timeout": "1"})
	smi := site["yarn.nodemanager.resource-plugins.gpu.path-to-discovery-executables"]
	become := func(script string) {
		t.Helper()
		if err := os.WriteFile(smi+".new", []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(smi+".new", smi); err != nil {
			t.Fatal(err)
		}
	}
	b := Start(t, Options{Site: site})
	am := b.AM(t, "alice", 1)
	see := []string{"{ echo [$CUDA_VISIBLE_DEVICES] $CUDA_DEVICE_ORDER; sleep 1000; }", "1><LOG_DIR>/stdout"}
	has := map[string]yarn.ContainerID{}
	for range 3 {
		id := am.Start(t, Launch{GPUs: 1, Commands: see})
		has[strings.TrimSpace(am.Logged(t, id, "stdout", "\n"))] = id
	}
	gone, sick := has["[GPU-bb] PCI_BUS_ID"], has["[GPU-cc] PCI_BUS_ID"]
	if len(has) != 3 || b.offered() != 3 {
		t.Fatalf("%v; %d are offered", has, b.offered())
	}
	become("#!/bin/sh\necho 'Unable to determine the device handle for GPU 0000:82:00.0: GPU is lost.  Reboot the system to recover this GPU'\nexit 15\n")
	if s := am.Done(t, gone); s.GetExitStatus() != int32(yarn.ExitAborted) || !strings.Contains(s.GetDiagnostics(), "GPU GPU-bb of this container is lost") {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	Until(t, "the node offers one less", func() bool { return b.offered() == 2 })
	Until(t, "the report names it", func() bool { return strings.Contains(b.Health().GetHealthReport(), "GPU 1 (GPU-bb): it is lost") })
	// another one has errors: what runs on it goes on, and it is free for nobody afterwards
	ecc := "<ecc_errors><volatile><dram_uncorrectable>2</dram_uncorrectable></volatile></ecc_errors>"
	become(strings.Replace(threeGPUs, "<minor_number>2</minor_number>", "<minor_number>2</minor_number>"+ecc, 1))
	Until(t, "the report names it", func() bool { return strings.HasPrefix(b.Health().GetHealthReport(), "GPU 2 (GPU-cc): 2 memory errors") })
	am.Running(t, sick)
	am.Stop(t, sick)
	am.Done(t, sick)
	next := am.Start(t, Launch{GPUs: 1, Commands: see})
	if got := am.Logged(t, next, "stdout", "\n"); !strings.HasPrefix(got, "[GPU-bb]") {
		t.Errorf("the next container sees %s, which must be the one that is back", got)
	}
	if s := am.Done(t, am.Start(t, Launch{GPUs: 1, Commands: see})); s.GetExitStatus() != -1 {
		t.Errorf("a container on a card with errors: %d", s.GetExitStatus())
	}
	become("#!/bin/sh\nexec sleep 1000\n")
	before := b.Beats()
	Until(t, "heartbeats go on, and the probe gives up", func() bool {
		return b.Beats() > before+10 && strings.Contains(b.Log.String(), "GPUs could not be looked at")
	})
	am.Running(t, next)
	become(threeGPUs)
	Until(t, "all are back", func() bool { return b.offered() == 3 && b.Health().GetHealthReport() == "" })
}

func TestANodeWhoseGPUsCannotBeFoundSaysSo(t *testing.T) {
	broken := "#!/bin/sh\necho driver mismatch >&2; exit 9\n"
	b := Start(t, Options{Site: withGPUs(t, broken, nil)})
	if !strings.Contains(b.Log.String(), "this node counts GPUs and offers none") {
		t.Errorf("the log is silent about it:\n%s", b.Log)
	}
	begun := Begin(t, Options{Site: withGPUs(t, broken, map[string]string{"yarn.nodemanager.resource-plugins.fail-fast": "true"})})
	if err := begun.Ended(t); err == nil || !strings.Contains(err.Error(), "yarn.nodemanager.resource-plugins has yarn.io/gpu") {
		t.Errorf("with fail-fast it ended with %v", err)
	}
	begun = Begin(t, Options{Site: withGPUs(t, threeGPUs, map[string]string{"yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices": "7:7", "yarn.nodemanager.resource-plugins.fail-fast": "true"})})
	if err := begun.Ended(t); err == nil || !strings.Contains(err.Error(), "allowed GPU 7:7 is not among the 3 devices") {
		t.Errorf("with a device that is not there it ended with %v", err)
	}
}

func TestConfigurationsThatWouldBeUnsafeAreRefused(t *testing.T) {
	for key, value := range map[string]string{
		"hadoop.security.authentication": "kerberos", "yarn.http.policy": "HTTPS_ONLY", "yarn.nodemanager.aux-services": "mapreduce_shuffle,spark_shuffle",
		"yarn.nodemanager.amrmproxy.enabled": "true", "yarn.nodemanager.container-executor.class": "com.example.Executor", "yarn.nodemanager.resource-plugins": "yarn.io/fpga",
	} {
		b := Begin(t, Options{Site: map[string]string{key: value}})
		if err := b.Ended(t); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

func TestUploadedLogsLeaveTheNode(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.log-aggregation-enable": "true"}})
	am := b.AM(t, "alice", 1)
	for range 2 {
		am.Done(t, am.Start(t, Launch{Commands: []string{"echo logged", "1><LOG_DIR>/stdout"}}))
	}
	b.FinishApp(am.Attempt.Application)
	Until(t, "the ResourceManager hears of the upload", func() bool {
		r := b.LogReports(am.Attempt.Application)
		return len(r) >= 2 && r[0].GetLogAggregationStatus() == yarnpb.LogAggregationStatusProto_LOG_RUNNING && r[len(r)-1].GetLogAggregationStatus() == yarnpb.LogAggregationStatusProto_LOG_SUCCEEDED
	})
	Until(t, "nothing is left here", func() bool {
		for _, f := range b.Files(t) {
			if strings.Contains(f, "application_") {
				return false
			}
		}
		return true
	})
	files, err := filepath.Glob(b.Dir + "/remote/alice/bucket-logs-tfile/*/" + am.Attempt.Application.String() + "/*")
	if err != nil || len(files) != 1 || strings.HasSuffix(files[0], ".tmp") {
		t.Fatalf("uploaded: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || strings.Count(string(text), "logged\n") < 2 {
		t.Errorf("the uploaded file holds %q, %v", text, err)
	}
}

func TestAFailedUploadIsReportedAndLosesNothing(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.log-aggregation-enable": "true"}})
	am := b.AM(t, "alice", 1)
	l := Launch{Commands: []string{"echo kept", "1><LOG_DIR>/stdout"}, Logs: &yarnpb.LogAggregationContextProto{LogAggregationPolicyClassName: new("com.example.NoSuchPolicy")}}
	id := am.Start(t, l)
	am.Done(t, id)
	b.FinishApp(am.Attempt.Application)
	Until(t, "the failure is reported", func() bool {
		r := b.LogReports(am.Attempt.Application)
		return len(r) > 0 && r[len(r)-1].GetLogAggregationStatus() == yarnpb.LogAggregationStatusProto_LOG_FAILED && strings.Contains(r[len(r)-1].GetDiagnostics(), "NoSuchPolicy")
	})
	if am.Log(t, id, "stdout") != "kept\n" {
		t.Error("the log is gone")
	}
}
