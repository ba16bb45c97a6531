package node

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
)

const (
	archive = yarnpb.LocalResourceTypeProto_ARCHIVE
	file    = yarnpb.LocalResourceTypeProto_FILE
	pattern = yarnpb.LocalResourceTypeProto_PATTERN

	public      = yarnpb.LocalResourceVisibilityProto_PUBLIC
	private     = yarnpb.LocalResourceVisibilityProto_PRIVATE
	application = yarnpb.LocalResourceVisibilityProto_APPLICATION
)

// put writes a source file with exactly this mode into the node's folder.
func (b *Box) put(t *testing.T, name string, content []byte, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(b.Dir, "source", name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		t.Fatal(err)
	}
	return p
}

// Field report B29: names with Chinese characters, blanks and #, values that use each other, whatever the
// daemon's locale.
func TestNamesAndValuesSurviveTheDaemonsLocale(t *testing.T) {
	for _, locale := range []string{"C", ""} {
		t.Run("LANG="+locale, func(t *testing.T) {
			t.Setenv("LANG", locale)
			t.Setenv("LC_ALL", locale)
			if locale == "" {
				os.Unsetenv("LANG")
				os.Unsetenv("LC_ALL")
			}
			b := Start(t, Options{})
			am := b.AM(t, "alice", 1)
			names := map[string]string{"数据 集.txt": "数据 集.txt", "x y.txt": "z y", "a#b%20c?d.txt": "a#b%20c?d.txt", "资料/深 处.txt": "资料/深 处", "quo'te\".txt": "quo'te\"", "dollar$HOME`id`.txt": "dollar$HOME`id`"}
			resources := map[string]*yarnpb.LocalResourceProto{}
			for source, link := range names {
				for visibility, prefix := range map[yarnpb.LocalResourceVisibilityProto]string{public: "pub-", private: "priv-", application: "app-"} {
					resources[prefix+link] = Resource(t, b.put(t, prefix+source, []byte(prefix+source), 0o644), file, visibility)
				}
			}
			id := am.Start(t, Launch{Resources: resources, Commands: []string{`find -L . -type f \\( -name 'pub-*' -o -name 'priv-*' -o -name 'app-*' -o -path './*资料*' \\) -exec cat {} + -exec echo \\;`, "1><LOG_DIR>/stdout"},
				Env: map[string]string{"A": "$B/x", "B": "/q", "Z": "$Y", "Y": "{{A}}:${B}", "TICK": "`echo ran`", "LINES": "one\ntwo", "QUOTED": `say \"hi\"`, "文": "bad name is only this"}})
			s := am.Done(t, id)
			// bash refuses the variable's name, as it does under Java's NodeManager
			if s.GetExitStatus() != 1 || !strings.Contains(s.GetDiagnostics(), "not a valid identifier") {
				t.Errorf("a variable name that bash refuses: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
			}
			id = am.Start(t, Launch{Resources: resources, Commands: []string{`{ find -L . -type f -path '*-*' ! -name '*.sh' -exec cat {} + ; echo; printf '%s|' \"$A\" \"$Z\" \"$TICK\" \"$LINES\" \"$QUOTED\"; }`, "1><LOG_DIR>/stdout"},
				Env: map[string]string{"A": "$B/x", "B": "/q", "Z": "$Y", "Y": "{{A}}:${B}", "TICK": "`echo ran`", "LINES": "one\ntwo", "QUOTED": `say \"hi\"`}})
			if s := am.Done(t, id); s.GetExitStatus() != 0 {
				t.Fatalf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
			}
			out := am.Log(t, id, "stdout")
			for source := range names {
				for _, prefix := range []string{"pub-", "priv-", "app-"} {
					if !strings.Contains(out, prefix+source) {
						t.Errorf("%s%s is not among the files: %s", prefix, source, out)
					}
				}
			}
			if !strings.HasSuffix(out, "\n/q/x|/q/x:/q|ran|one\ntwo|say hi|") && !strings.HasSuffix(out, "\n/q/x|/q/x:/q|ran|one\ntwo|say \"hi\"|") {
				t.Errorf("the values are %q", out)
			}
		})
	}
}

type packed struct {
	name, content, link string
	mode                os.FileMode
}

// venv is a Python environment as tools pack it: an executable, a link to it, and a link to nowhere.
var venv = []packed{
	{"bin/python3", "#!/bin/sh\necho \"I am $0 $*\"\n", "", 0o755}, {"bin/python", "", "python3", 0}, {"lib/nowhere", "", "../gone/file", 0},
	{"lib/module.py", "x = 1\n", "", 0o644},
}

func zipOf(t *testing.T, entries []packed) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		content := e.content
		if e.link != "" {
			h.SetMode(os.ModeSymlink | 0o777)
			content = e.link
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tgzOf(t *testing.T, entries []packed) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: int64(e.mode), Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Field report B30: a packed environment runs, and scripts run though they were put as 0644.
func TestPackedEnvironmentsRun(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	for name, content := range map[string][]byte{"venv.zip": zipOf(t, venv), "venv.jar": zipOf(t, venv), "venv.tar.gz": tgzOf(t, venv), "venv.tgz": tgzOf(t, venv)} {
		for visibility, who := range map[yarnpb.LocalResourceVisibilityProto]string{public: "public", application: "application"} {
			t.Run(name+" "+who, func(t *testing.T) {
				r := Resource(t, b.put(t, name, content, 0o644), archive, visibility)
				id := am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"env": r},
					Commands: []string{"{ env/bin/python works; readlink env/bin/python; readlink env/lib/nowhere; cat env/lib/module.py; }", "1><LOG_DIR>/stdout", "2><LOG_DIR>/stderr"}})
				if s := am.Done(t, id); s.GetExitStatus() != 0 {
					t.Fatalf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
				}
				if got := am.Log(t, id, "stdout"); got != "I am env/bin/python works\npython3\n../gone/file\nx = 1\n" {
					t.Errorf("it printed %q", got)
				}
			})
		}
	}
	script := Resource(t, b.put(t, "m.py", []byte("#!/bin/sh\necho mapped\n"), 0o644), file, private)
	id := am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"m.py": script}, Commands: []string{"./m.py", "1><LOG_DIR>/stdout"}})
	if s := am.Done(t, id); s.GetExitStatus() != 0 || am.Log(t, id, "stdout") != "mapped\n" {
		t.Errorf("a script put as 0644: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestASecondContainerFetchesNoPublicResourceAgain(t *testing.T) {
	b := Start(t, Options{})
	r := Resource(t, b.put(t, "shared.bin", bytes.Repeat([]byte("x"), 1000), 0o644), file, public)
	for i, want := range []string{"1000,0,1,0,", "0,1000,0,1,"} { // of another user and application
		am := b.AM(t, []string{"alice", "bob"}[i], int32(i+1))
		id := am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"shared": r}, Commands: []string{"echo $LOCALIZATION_COUNTERS; readlink shared", "1><LOG_DIR>/stdout"}})
		am.Done(t, id)
		if got := am.Log(t, id, "prelaunch.out") + am.Log(t, id, "stdout"); !strings.Contains(got, want) {
			t.Errorf("container %d counts %q, want %s", i+1, got, want)
		}
	}
	if n, err := filepath.Glob(b.Dir + "/local*/filecache/*/shared.bin"); err != nil || len(n) != 1 {
		t.Errorf("the cache holds %v, %v", n, err)
	}
}

func TestResourcesThatCannotBeHad(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	closed := b.put(t, "closed/inner/file.txt", []byte("x"), 0o644)
	if err := os.Chmod(filepath.Join(b.Dir, "source/closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	changed := Resource(t, b.put(t, "changed.txt", []byte("x"), 0o644), file, private)
	then := time.Date(2020, 1, 2, 3, 4, 5, 678e6, time.Local)
	changed.Timestamp = new(then.UnixMilli())
	gone := Resource(t, b.put(t, "gone.txt", []byte("x"), 0o644), file, application)
	if err := os.Remove(filepath.Join(b.Dir, "source/gone.txt")); err != nil {
		t.Fatal(err)
	}
	scheme := Resource(t, b.put(t, "s3.txt", []byte("x"), 0o644), file, application)
	scheme.Resource.Scheme = new("s3a")
	regexp := Resource(t, b.put(t, "lib.jar", zipOf(t, venv), 0o644), pattern, application)
	regexp.Pattern = new("(")
	good := Resource(t, b.put(t, "good.txt", []byte("x"), 0o644), file, public)
	outside := filepath.Join(b.Dir, "evil")
	for name, c := range map[string]struct {
		r    *yarnpb.LocalResourceProto
		want []string
	}{
		"a public file below a closed folder":    {Resource(t, closed, file, public), []string{"is not publicly accessible and as such cannot be part of the public cache.", filepath.Join(b.Dir, "source/closed")}},
		"a public file that others may not read": {Resource(t, b.put(t, "secret.txt", []byte("x"), 0o640), file, public), []string{"is not publicly accessible", "secret.txt"}},
		"a changed file":                         {changed, []string{"changed on src filesystem - expected: \"" + then.Format("2006-01-02T15:04:05.000-0700") + "\", was: \"", "java.io.IOException"}},
		"a file that is gone":                    {gone, []string{"File does not exist: file:/", "gone.txt", "java.io.FileNotFoundException"}},
		"a file system that is not known":        {scheme, []string{"s3a"}},
		"a pattern that is none":                 {regexp, []string{"Download and unpack failed", "pattern of the resource"}},
		"a zip that leaves its folder":           {Resource(t, b.put(t, "up.zip", zipOf(t, []packed{{"../../../../../evil", "x", "", 0o644}}), 0o644), archive, public), []string{"would create file outside of"}},
		"a tar that leaves its folder":           {Resource(t, b.put(t, "up.tgz", tgzOf(t, []packed{{"../../../../../evil", "x", "", 0o644}}), 0o644), archive, private), []string{"would create file outside of"}},
		"a zip that writes through its own link": {Resource(t, b.put(t, "link.zip", zipOf(t, []packed{{"l", "", b.Dir, 0}, {"l/evil", "x", "", 0o644}}), 0o644), archive, application), []string{"Download and unpack failed", "l"}},
		"a tar that writes through its own link": {Resource(t, b.put(t, "link.tgz", tgzOf(t, []packed{{"l", "", b.Dir, 0}, {"l/evil", "x", "", 0o644}}), 0o644), archive, application), []string{"Download and unpack failed", "l"}},
		"bytes that are no archive":              {Resource(t, b.put(t, "noise.tar.gz", []byte("noise"), 0o644), archive, public), []string{"Download and unpack failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"r": c.r}, Commands: []string{"true"}})
			s := am.Done(t, id)
			if s.GetExitStatus() != -1000 {
				t.Errorf("exit %d, want -1000", s.GetExitStatus())
			}
			for _, w := range c.want {
				if !strings.Contains(s.GetDiagnostics(), w) {
					t.Errorf("the diagnostics lack %q: %s", w, s.GetDiagnostics())
				}
			}
			if _, err := os.Lstat(outside); err == nil {
				t.Error("the archive wrote outside")
			}
		})
	}
	for name, link := range map[string]string{"an absolute link": "/etc/x", "a link that leaves the work directory": "../../x"} {
		t.Run(name, func(t *testing.T) {
			s := am.Done(t, am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{link: good}, Commands: []string{"true"}}))
			if s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), "Destination must be relative") {
				t.Errorf("%d, %s", s.GetExitStatus(), s.GetDiagnostics())
			}
		})
	}
	b.FinishApp(am.Attempt.Application)
	var left []string
	defer func() {
		if t.Failed() {
			t.Log(left)
		}
	}()
	Until(t, "nothing is left but the one good file", func() bool {
		left = nil
		for _, f := range b.Files(t) {
			if strings.HasPrefix(f, "local") && !strings.Contains(f, "usercache/alice") {
				left = append(left, f)
			}
		}
		return len(left) == 2 && strings.HasSuffix(left[1], "/good.txt") // its number's folder and itself
	})
	if private, err := filepath.Glob(b.Dir + "/local*/usercache/alice/*/*"); err != nil || len(private) > 0 {
		t.Errorf("left in the user's folders: %v, %v", private, err)
	}
}

func TestTheCacheEvictsWhatNobodyUses(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.nodemanager.localizer.cache.target-size-mb": "1", "yarn.nodemanager.localizer.cache.cleanup.interval-ms": "50"}})
	am := b.AM(t, "alice", 1)
	resource := func(name string) *yarnpb.LocalResourceProto {
		return Resource(t, b.put(t, name, bytes.Repeat([]byte(name[:1]), 700<<10), 0o644), file, public)
	}
	used := am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"f": resource("used")}, Commands: []string{"sleep 1000"}})
	am.Running(t, used)
	am.Done(t, am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"f": resource("idle")}, Commands: []string{"true"}}))
	cached := func(name string) bool {
		found, err := filepath.Glob(b.Dir + "/local*/filecache/*/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	}
	Until(t, "the idle file is evicted", func() bool { return !cached("idle") })
	if !cached("used") {
		t.Error("the file of a running container was evicted")
	}
}
