//go:build interop

package soak

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/security"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// Variables of a real application's ApplicationMaster, which is this test's own binary in a container.
const (
	envPlan = "SOAK_PLAN" // in base64: values go through a shell
	envConf = "SOAK_CONF"
)

func TestMain(m *testing.M) {
	if os.Getenv(envPlan) == "" {
		os.Exit(m.Run())
	}
	if err := realMaster(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// realMaster runs a plan from inside an AM's container.
func realMaster(ctx context.Context) error {
	var p plan
	text, err := base64.StdEncoding.DecodeString(os.Getenv(envPlan))
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", envPlan, err)
	}
	c, err := conf.Load(os.Getenv(envConf))
	if err != nil {
		return err
	}
	cfg, err := client.NewConfig(c, "soak")
	if err != nil {
		return err
	}
	credentials, err := security.ReadCredentialsFile(os.Getenv("HADOOP_TOKEN_FILE_LOCATION"))
	if err != nil {
		return err
	}
	token, ok := credentials.Find(security.KindAMRM)
	if !ok {
		return fmt.Errorf("no AMRM token among the credentials")
	}
	s := &realStarter{nodes: client.NewNodeManagers(cfg), public: os.Getenv("SOAK_PUBLIC")}
	defer s.nodes.Close()
	return p.run(ctx, cfg, token, s)
}

// realStarter starts processes on NodeManagers.
type realStarter struct {
	nodes  *client.NodeManagers
	public string // a file that the containers get
}

func (s *realStarter) start(ctx context.Context, c *yarnpb.ContainerProto, p plan) error {
	id := wire.ContainerIDFrom(c.GetId())
	nm, err := s.nodes.Node(wire.NodeIDFrom(c.GetNodeId()))
	if err != nil {
		return err
	}
	file, err := localResource(s.public, yarnpb.LocalResourceVisibilityProto_PUBLIC)
	if err != nil {
		return err
	}
	command := fmt.Sprintf("cmp -s given given && echo line of $CONTAINER_ID && sleep %.1f && exit %d", p.Run.Seconds(), exitOf(id))
	return nm.Start(ctx, id, &yarnpb.StartContainerRequestProto{ContainerToken: c.GetContainerToken(), ContainerLaunchContext: &yarnpb.ContainerLaunchContextProto{
		Command: []string{command}, LocalResources: []*yarnpb.StringLocalResourceMapProto{{Key: new("given"), Value: file}},
	}})
}

func localResource(path string, v yarnpb.LocalResourceVisibilityProto) (*yarnpb.LocalResourceProto, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &yarnpb.LocalResourceProto{
		Resource: &yarnpb.URLProto{Scheme: new("file"), File: &path}, Size: new(info.Size()), Timestamp: new(info.ModTime().UnixMilli()),
		Type: yarnpb.LocalResourceTypeProto_FILE.Enum(), Visibility: v.Enum(),
	}, nil
}

// realContext is the launch context of a real application; each brings a file of its own for the public cache.
func realContext(p plan, dir, confDir, name string) (*yarnpb.ContainerLaunchContextProto, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	public := filepath.Join(dir, "public", name)
	if err := os.WriteFile(public, make([]byte, 200<<10), 0o644); err != nil {
		return nil, err
	}
	env := map[string]string{envPlan: base64.StdEncoding.EncodeToString(text), envConf: confDir, "SOAK_PUBLIC": public}
	lc := &yarnpb.ContainerLaunchContextProto{Command: []string{"exec " + binary + " 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr"}}
	for k, v := range env {
		lc.Environment = append(lc.Environment, &yarnpb.StringStringMapProto{Key: &k, Value: &v})
	}
	return lc, nil
}
