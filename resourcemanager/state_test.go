package resourcemanager_test

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager"
	"heddle/resourcemanager/settings"
	"heddle/store"
	"heddle/yarn/wire"
)

// One damaged record stops the start with its name; by an explicit option all the rest starts. The options of
// Hadoop's ResourceManager that repair a store repair ours.
func TestADamagedRecordIsSetAside(t *testing.T) {
	for name, site := range map[string]map[string]string{
		"bbolt": nil,
		"files": {"yarn.resourcemanager.store.class": "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore",
			"yarn.resourcemanager.fs.state-store.num-retries": "0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, site)
			if got := string(r.get("/ws/v1/cluster/info/", 200)); !strings.Contains(got, `"rmStateStoreName":"`+cmp.Or(site["yarn.resourcemanager.store.class"], "bbolt")+`"`) {
				t.Errorf("the store's name: %s", got)
			}
			broken, whole := wire.AppIDFrom(r.client("alice").submit(unmanaged)), wire.AppIDFrom(r.client("alice").submit(nil))
			r.Shutdown()
			s := r.settings()
			r.damage(s, broken.String())

			quiet := slog.New(slog.DiscardHandler)
			if m, err := resourcemanager.Start(s, "test", quiet); err == nil || !strings.Contains(err.Error(), broken.String()) || !strings.Contains(err.Error(), "-set-damaged-aside") {
				if err == nil {
					m.Shutdown()
				}
				t.Fatalf("the start with a damaged record: %v", err)
			}
			m, err := resourcemanager.Start(s, "test", quiet, resourcemanager.WithDamagedSetAside())
			if err != nil {
				t.Fatal(err)
			}
			r.ResourceManager = m
			r.client("alice").refused("getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: wire.AppID(broken)},
				&yarnpb.GetApplicationReportResponseProto{}, rpc.ClassApplicationNotFound, broken.String())
			if got := r.client("alice").report(wire.AppID(whole)).GetYarnApplicationState(); got != yarnpb.YarnApplicationStateProto_ACCEPTED {
				t.Errorf("the other application is %v", got)
			}
			r.restart() // without the option
			r.Shutdown()
			kept, err := filepath.Glob(filepath.Join(filepath.Dir(s.StorePath), "damaged-*", "*"+broken.String()+"*"))
			if err != nil || len(kept) == 0 {
				t.Errorf("kept: %v, %v", kept, err)
			}

			if err := resourcemanager.RemoveFromStateStore(s, broken, quiet); err == nil || !strings.Contains(err.Error(), broken.String()+" is not in the state store") {
				t.Errorf("removing what is gone: %v", err)
			}
			if err := resourcemanager.RemoveFromStateStore(s, whole, quiet); err != nil {
				t.Error(err)
			}
			r.run()
			r.client("alice").refused("getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: wire.AppID(whole)},
				&yarnpb.GetApplicationReportResponseProto{}, rpc.ClassApplicationNotFound)
			another := r.client("alice").submit(nil)
			if err := resourcemanager.FormatStateStore(s, quiet); name == "bbolt" && (err == nil || !strings.Contains(err.Error(), "another process holds it")) {
				t.Errorf("formatting under a running ResourceManager: %v", err)
			}
			r.Shutdown()
			if err := resourcemanager.FormatStateStore(s, quiet); err != nil {
				t.Error(err)
			}
			r.run()
			r.client("alice").refused("getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: another},
				&yarnpb.GetApplicationReportResponseProto{}, rpc.ClassApplicationNotFound)
		})
	}
}

func (r *rm) settings() *settings.Settings {
	r.t.Helper()
	s, err := settings.Load(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// damage overwrites the records of an application.
func (r *rm) damage(s *settings.Settings, app string) {
	r.t.Helper()
	rubbish := []byte{0xff, 0xff, 0xff}
	if s.StoreURI == "" {
		b, err := store.OpenBolt(s.StorePath)
		if err != nil {
			r.t.Fatal(err)
		}
		defer b.Close() //nolint:errcheck // written before
		if err := b.Apply([]store.Op{{Key: "RMAppRoot/" + app, Value: rubbish}}); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(filepath.Join(s.StoreURI, "FSRMStateRoot/RMAppRoot", app, app), rubbish, 0o600); err != nil {
		r.t.Fatal(err)
	}
}
