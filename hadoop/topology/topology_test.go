package topology

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/hadoop/conf"
)

func open(t *testing.T, keys map[string]string) (*Racks, error) {
	t.Helper()
	c := conf.WithDefaults()
	for k, v := range keys {
		c.Set(k, v)
	}
	r, err := New(c)
	if r != nil {
		r.lookup = func(_ context.Context, host string) ([]string, error) {
			if a := map[string]string{"node1": "10.0.0.1", "node2": "10.0.0.2"}[host]; a != "" {
				return []string{a}, nil
			}
			return nil, errors.New("nobody")
		}
	}
	return r, err
}

func file(t *testing.T, text string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(f, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return f
}

// failing is before a rack that an error comes with.
const failing = "failing:"

func check(t *testing.T, r *Racks, want map[string]string) {
	t.Helper()
	for host, rack := range want {
		got, err := r.Rack(t.Context(), host)
		if want := strings.TrimPrefix(rack, failing); got != want || (err != nil) != (want != rack) {
			t.Errorf("%s is in %s, %v, want %s", host, got, err, rack)
		}
	}
}

func TestATableNamesRacks(t *testing.T) {
	table := file(t, "# comment here\nNode9 /r9\n10.0.0.1  /r1\nbroken\n")
	for _, impl := range []string{"org.apache.hadoop.net.TableMapping", "org.apache.hadoop.net.ScriptBasedMapping"} {
		r, err := open(t, map[string]string{implKey: impl, tableKey: table})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, map[string]string{"node9": "/r9", "NODE1": "/r1", "node2": DefaultRack, "stranger": DefaultRack, "10.0.0.1": "/r1"})
	}
}

func TestAScriptNamesRacks(t *testing.T) {
	log := filepath.Join(t.TempDir(), "asked")
	script := file(t, "#!/bin/sh\necho $# $1 >> "+log+"\ncase $1 in 10.0.0.1) echo /dc1/r1;; 10.0.0.2) echo bad;; two) echo /a /b;; fails) echo why >&2; exit 3;; *) echo /rest;; esac\n")
	r, err := open(t, map[string]string{scriptKey: script, tableKey: "/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is known is not asked for again
		check(t, r, map[string]string{"node1": "/dc1/r1", "node2": failing + DefaultRack, "two": failing + DefaultRack, "fails": failing + DefaultRack, "$(reboot)": "/rest"})
	}
	asked, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line, times := range map[string]int{"1 10.0.0.1\n": 1, "1 $(reboot)\n": 1, "1 fails\n": 2} {
		if n := strings.Count(string(asked), line); n != times {
			t.Errorf("%q was asked %d times, want %d:\n%s", line, n, times, asked)
		}
	}
}

func TestWhatCannotNameRacks(t *testing.T) {
	for _, keys := range []map[string]string{
		{implKey: "org.example.Mine"},
		{implKey: "org.apache.hadoop.net.TableMapping", tableKey: "/nowhere/racks"},
	} {
		if _, err := open(t, keys); err == nil || !strings.Contains(err.Error(), "net.topology.") {
			t.Errorf("%v: %v", keys, err)
		}
	}
	r, err := open(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, r, map[string]string{"node1": DefaultRack})
	check(t, nil, map[string]string{"node1": DefaultRack})
}
