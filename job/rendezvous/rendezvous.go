// Package rendezvous is how a task's agent and its ApplicationMaster find each other:
// four calls of JSON over HTTP, each signed in both directions with a secret that only
// this container and the ApplicationMaster have.
//
//	hello  -> what to run
//	ready  -> here I am: host and ports
//	roster -> waits; where everybody is, once the gang is whole
//	exit   -> how the command ended, in words
//
// The secret travels in the container's credentials and never on this connection. Each
// request carries a number that only grows, so that a recorded one is worthless.
package rendezvous

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"heddle/jobspec"
)

// SecretAlias is the name of the secret in the container's credentials.
const SecretAlias = "heddle.task.secret"

// Environment variables by which the ApplicationMaster reaches the agent.
const (
	EnvAddress = "HEDDLE_AM"   // host:port of the ApplicationMaster
	EnvConf    = "HEDDLE_CONF" // file of the cluster's configuration
)

// AgentName is the name of the agent's file in a container's working directory, ConfName that of the configuration.
const (
	AgentName = "heddle-agent"
	ConfName  = "heddle-conf.xml"
)

// Limits on what the two sides accept of each other, in bytes.
const (
	MaxRequest = 1 << 20
	MaxReply   = 64 << 20 // a roster of ten thousand tasks with many ports
	secretSize = 32
)

// Assignment is the answer to hello.
type Assignment struct {
	Framework   jobspec.Framework `json:"framework"`
	Role        string            `json:"role"`
	Index       int               `json:"index"`
	Application string            `json:"application"`
}

// Place is where one task is. Ports are by label.
type Place struct {
	Role  string           `json:"role"`
	Index int              `json:"index"`
	Host  string           `json:"host"`
	Ports map[string][]int `json:"ports"`
}

// Ready is the request of ready.
type Ready struct {
	Host  string           `json:"host"`
	Ports map[string][]int `json:"ports"`
}

// Roster is the answer to roster. Places are in order of roles and indexes; they are empty until the gang is whole.
type Roster struct {
	Whole  bool    `json:"whole"`
	Places []Place `json:"places,omitempty"`
}

// Exit is the request of exit.
type Exit struct {
	Code   int    `json:"code"` // 128+n after signal n
	Reason string `json:"reason,omitempty"`
}

// MaxReason bounds the text of an Exit in bytes.
const MaxReason = 4 << 10

// NewSecret makes a container's secret.
func NewSecret() []byte {
	b := make([]byte, secretSize)
	rand.Read(b) //nolint:errcheck // it never fails, see its documentation
	return b
}

const (
	headerContainer = "X-Heddle-Container"
	headerSequence  = "X-Heddle-Sequence"
	headerMAC       = "X-Heddle-Mac"
	prefix          = "/agent/"
)

// sign is the MAC over all that matters of a request, or of the answer to it (status is not 0).
func sign(secret []byte, container, call string, sequence uint64, status int, body []byte) string {
	m := hmac.New(sha256.New, secret)
	for _, part := range []string{container, call, strconv.FormatUint(sequence, 10), strconv.Itoa(status)} {
		m.Write([]byte(part))
		m.Write([]byte{0})
	}
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func signed(mac string, secret []byte, container, call string, sequence uint64, status int, body []byte) bool {
	return hmac.Equal([]byte(mac), []byte(sign(secret, container, call, sequence, status, body)))
}
