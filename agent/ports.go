package agent

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"heddle/jobspec"
)

// Ports are taken from below the range that the kernel gives to outgoing connections (from 32768 on),
// so that none of those grabs one between its release here and the command's own bind.
const (
	firstPort = 20000
	lastPort  = 32000
	portTries = 1000
)

// Held keeps ports taken until it is closed.
type Held []net.Listener

// Close releases the ports.
func (h Held) Close() {
	for _, l := range h {
		_ = l.Close() // nothing was accepted
	}
}

// TakePorts finds and holds the ports of a role, by label: those that it names from Start on, else free ones.
func TakePorts(want []jobspec.Port) (ports map[string][]int, held Held, err error) {
	ports = map[string][]int{}
	for _, p := range want {
		for i := range p.Count {
			l, err := take(p, i)
			if err != nil {
				held.Close()
				return nil, nil, err
			}
			held = append(held, l)
			ports[p.Label] = append(ports[p.Label], l.Addr().(*net.TCPAddr).Port)
		}
	}
	return ports, held, nil
}

func take(p jobspec.Port, i int) (net.Listener, error) {
	if p.Start > 0 {
		l, err := listen(p.Start + i)
		if err != nil {
			return nil, fmt.Errorf("port %d of label %s is taken on this host; choose another beginAt, or 0 for any free port: %w", p.Start+i, p.Label, err)
		}
		return l, nil
	}
	for range portTries {
		if l, err := listen(firstPort + rand.IntN(lastPort-firstPort)); err == nil {
			return l, nil
		}
	}
	if l, err := listen(0); err == nil {
		return l, nil
	}
	return nil, errors.New("no free port was found on this host")
}

func listen(port int) (net.Listener, error) {
	if port > 65535 {
		return nil, errors.New("ports end at 65535")
	}
	return net.Listen("tcp", ":"+strconv.Itoa(port))
}
