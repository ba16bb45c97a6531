package keys_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
)

func directory(t *testing.T, files map[string]map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, properties := range files {
		if err := os.WriteFile(filepath.Join(dir, name), conf.XML(properties), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func starts(rm, nm error) map[keys.Daemon]func(string) error {
	return map[keys.Daemon]func(string) error{
		keys.ResourceManager: func(string) error { return rm }, keys.NodeManager: func(string) error { return nm }}
}

func TestAReportJudgesEachSetting(t *testing.T) {
	dir := directory(t, map[string]map[string]string{
		"core-site.xml": {"fs.defaultFS": "hdfs://nn:8020", "hadoop.security.authentication": "kerberos", "fs.s3a.secret.key": "open sesame", "fs.s3a.x.password": "open sesame"},
		"yarn-site.xml": {"yarn.acl.enabled": "true", "yarn.acl.enable": "yes", "yarn.http.policy": "HTTP_ONLY", "yarn.nodemanager.delete.thread-count": "8",
			"yarn.resourcemanager.scheduler.monitor.enable": "true", "yarn.nodemanager.aux-services": "mapreduce_shuffle,spark_shuffle"},
		"capacity-scheduler.xml": {"yarn.scheduler.capacity.root.a.capacity": "60", "yarn.scheduler.capacity.root.a.acl_application_max_priority": "*"},
	})
	r, err := keys.Check(dir, starts(errors.New("hadoop.security.authentication=kerberos is not supported\nyarn.acl.enable: \"yes\" is neither"), errors.New("yarn.nodemanager.aux-services=mapreduce_shuffle,spark_shuffle: a Java class")))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]keys.Setting{}
	for _, s := range r.Settings {
		got[s.Key] = s
	}
	for key, want := range map[string]keys.Verdict{
		"fs.defaultFS": keys.Honoured, "hadoop.security.authentication": keys.Refused, "fs.s3a.x.password": keys.Ignored, "yarn.acl.enabled": keys.Unknown, "yarn.acl.enable": keys.Refused,
		"yarn.http.policy": keys.Honoured, "yarn.nodemanager.delete.thread-count": keys.Ignored, "yarn.resourcemanager.scheduler.monitor.enable": keys.NotYet,
		"yarn.nodemanager.aux-services": keys.Refused, "yarn.scheduler.capacity.root.a.capacity": keys.Honoured, "yarn.scheduler.capacity.root.a.acl_application_max_priority": keys.Ignored,
	} {
		if got[key].Verdict != want {
			t.Errorf("%s is %q, want %q", key, got[key].Verdict, want)
		}
	}
	if r.OK() || got["yarn.acl.enabled"].Nearest != "yarn.acl.enable" || got["fs.s3a.x.password"].Value != "<redacted>" || got["fs.defaultFS"].File != "core-site.xml" {
		t.Errorf("%+v", r)
	}
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Refused (3)", "did you mean yarn.acl.enable?", "The ResourceManager would not start:", "The NodeManager would not start:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(line) > 101 {
			t.Errorf("too wide: %q", line)
		}
	}
	if strings.Contains(out.String(), "sesame") {
		t.Error("a secret is shown")
	}
}

func TestAReportOfAGoodConfiguration(t *testing.T) {
	r, err := keys.Check(directory(t, map[string]map[string]string{"yarn-site.xml": {"yarn.acl.enable": "true"}}), starts(nil, nil))
	if err != nil || !r.OK() || len(r.Settings) != 1 || r.Settings[0].Verdict != keys.Honoured {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNoReport(t *testing.T) {
	for _, dir := range []string{"/nowhere", t.TempDir()} {
		if _, err := keys.Check(dir, nil); !errors.Is(err, keys.ErrNoConfiguration) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "yarn-site.xml"), []byte("<configuration><property>"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Check(dir, nil); err == nil || errors.Is(err, keys.ErrNoConfiguration) || !strings.Contains(err.Error(), "yarn-site.xml") {
		t.Errorf("a broken file: %v", err)
	}
}

// container-executor.cfg has sections and a format of its own.
func TestAReportJudgesTheExecutorsFile(t *testing.T) {
	dir := directory(t, map[string]map[string]string{"yarn-site.xml": {"yarn.acl.enable": "true"}})
	cfg := "# who\nyarn.nodemanager.linux-container-executor.group=hadoop\nbanned.users = root,bin # never\nmin.user.ids=5\n[docker]\n  module.enabled=true\n  docker.allowed.rw-mounts=/a,/b\n[gpu]\nmodule.enabled=true\n[devices]\ndevices.denied-numbers=1:3\n"
	if err := os.WriteFile(filepath.Join(dir, "container-executor.cfg"), []byte(cfg), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := keys.Check(dir, starts(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range r.Settings {
		if s.File == "container-executor.cfg" {
			got[s.Key] = string(s.Verdict) + " " + s.Value
		}
	}
	for key, want := range map[string]string{
		"yarn.nodemanager.linux-container-executor.group": string(keys.Ignored) + " hadoop", "banned.users": string(keys.Honoured) + " root,bin",
		"min.user.ids": string(keys.Unknown) + " 5", "docker.module.enabled": string(keys.Honoured) + " true", "docker.allowed.rw-mounts": string(keys.Honoured) + " /a,/b",
		"gpu.module.enabled": string(keys.Ignored) + " true", "devices.denied-numbers": string(keys.Honoured) + " 1:3",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	warnings, err := keys.WithoutInExecutorCfg(dir)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "min.user.ids") {
		t.Errorf("%v, %v", warnings, err)
	}
}

// A value's variables may be set in another file, or be defaults.
func TestAReportKnowsTheOtherFilesVariables(t *testing.T) {
	dir := directory(t, map[string]map[string]string{
		"core-site.xml": {"fs.defaultFS": "file:///", "our.policy": "HTTP_ONLY", "our.dir": "/data"},
		"yarn-site.xml": {"yarn.http.policy": "${our.policy}", "yarn.nodemanager.local-dirs": "${our.dir}/1, ${our.dir}/2", "yarn.nodemanager.address": "${yarn.nodemanager.hostname}:1"},
	})
	r, err := keys.Check(dir, starts(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"yarn.http.policy": "HTTP_ONLY", "yarn.nodemanager.local-dirs": "/data/1, /data/2", "yarn.nodemanager.address": "0.0.0.0:1"}
	for _, s := range r.Settings {
		if w, ok := want[s.Key]; ok && (s.Value != w || s.Verdict != keys.Honoured) {
			t.Errorf("%+v, want %s", s, w)
		}
	}
}
