// Package client is YARN's client-side protocols in Go: thin typed calls over
// hadoop/rpc, with addresses from a Hadoop configuration.
//
// Errors that the server answered with hold an *rpc.Error; its class says what went wrong.
package client

import (
	"context"
	"fmt"
	"os/user"
	"strings"
	"time"

	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"

	"google.golang.org/protobuf/proto"
)

// callTimeout bounds a call whose context has no nearer end; an RM that loads its state needs a while.
const callTimeout = 2 * time.Minute

// Config is what all clients of a cluster have in common.
type Config struct {
	Conf *conf.Config
	User string // who calls; CurrentUser when empty
	QOP  []string

	rmPatience, nmPatience patience
}

// NewConfig reads what clients need once, and refuses what is not built.
func NewConfig(c *conf.Config, userName string) (*Config, error) {
	ha, err := c.Bool("yarn.resourcemanager.ha.enabled", false)
	if err != nil {
		return nil, err
	}
	if ha {
		return nil, fmt.Errorf("yarn.resourcemanager.ha.enabled is true (%s): clients do not fail over between ResourceManagers yet; name one in yarn.resourcemanager.address and turn the key off", c.Source("yarn.resourcemanager.ha.enabled"))
	}
	if a := c.String("hadoop.security.authentication", "simple"); !strings.EqualFold(a, "simple") {
		return nil, fmt.Errorf("hadoop.security.authentication is %s (%s): only simple is supported yet", a, c.Source("hadoop.security.authentication"))
	}
	qop, err := Protection(c)
	if err != nil {
		return nil, err
	}
	rm, err := readPatience(c, "yarn.resourcemanager.connect.max-wait.ms", "yarn.resourcemanager.connect.retry-interval.ms", 15*time.Minute, 30*time.Second)
	if err != nil {
		return nil, err
	}
	nm, err := readPatience(c, "yarn.client.nodemanager-connect.max-wait-ms", "yarn.client.nodemanager-connect.retry-interval-ms", 3*time.Minute, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if userName == "" {
		userName = CurrentUser(func(string) string { return "" })
	}
	return &Config{Conf: c, User: userName, QOP: qop, rmPatience: rm, nmPatience: nm}, nil
}

// Protection is hadoop.rpc.protection as qualities of SASL, in order.
func Protection(c *conf.Config) ([]string, error) {
	const key = "hadoop.rpc.protection"
	var out []string
	for _, p := range c.Strings(key, "authentication") {
		switch strings.ToLower(p) {
		case "authentication":
			out = append(out, "auth")
		case "integrity":
			out = append(out, "auth-int")
		case "privacy":
			out = append(out, "auth-conf")
		default:
			return nil, c.Invalid(key, "authentication, integrity or privacy")
		}
	}
	return out, nil
}

// CurrentUser is HADOOP_USER_NAME of getenv, else the operating system's name for who runs this process.
func CurrentUser(getenv func(string) string) string {
	if n := getenv("HADOOP_USER_NAME"); n != "" {
		return n
	}
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// ApplicationClient connects to yarn.resourcemanager.address. Its calls wait for a ResourceManager that is away, as long
// as yarn.resourcemanager.connect.max-wait.ms tells.
func (c *Config) ApplicationClient() (*ApplicationClient, error) {
	r, err := c.dial("yarn.resourcemanager.address", "0.0.0.0:8032", protocolApplicationClient, nil)
	return &ApplicationClient{&retrying{r, c.rmPatience, false}}, err
}

// Administration connects to yarn.resourcemanager.admin.address, and waits as ApplicationClient does.
func (c *Config) Administration() (*Administration, error) {
	r, err := c.dial("yarn.resourcemanager.admin.address", "0.0.0.0:8033", protocolAdministration, nil)
	return &Administration{&retrying{r, c.rmPatience, false}}, err
}

// ApplicationMaster connects to yarn.resourcemanager.scheduler.address with an AMRM token.
func (c *Config) ApplicationMaster(token security.Token) (*ApplicationMaster, error) {
	r, err := c.dial("yarn.resourcemanager.scheduler.address", "0.0.0.0:8030", protocolApplicationMaster, &token)
	return &ApplicationMaster{r}, err
}

func (c *Config) dial(key, def, protocol string, token *security.Token) (*rpc.Client, error) {
	addr, err := c.Conf.ConnectAddr(key, def)
	if err != nil {
		return nil, err
	}
	return c.connect(addr, protocol, token), nil
}

func (c *Config) connect(addr, protocol string, token *security.Token) *rpc.Client {
	cfg := rpc.ClientConfig{Address: addr, Protocol: protocol, User: c.User, QOP: c.QOP, CallTimeout: callTimeout}
	if token != nil {
		cfg.Token = &rpc.ClientToken{Identifier: token.Identifier, Password: token.Password}
	}
	return rpc.NewClient(cfg)
}

// invoke makes one call with a fresh reply.
func invoke[Resp any, PResp interface {
	*Resp
	proto.Message
}](ctx context.Context, c caller, method string, req proto.Message) (PResp, error) {
	resp := PResp(new(Resp))
	if err := c.Call(ctx, method, req, resp); err != nil {
		return nil, err
	}
	return resp, nil
}
