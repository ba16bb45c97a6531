package device

import (
	"slices"

	"heddle/executor"
	"heddle/yarn"
)

// Forbidden is the fault of devices that the administrator forbids by number.
const Forbidden = "devices.denied-numbers in container-executor.cfg has it"

// Deny replaces the files that no container gets, beside those of devices that others have.
func (s *Set) Deny(files []executor.DeviceFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.never = files
}

// Denied are the files of the devices that a container was not given, as far as they are known. A file that several
// devices share, as the instances of a card do, is not denied to who has one of them.
func (s *Set) Denied(c yarn.ContainerID) []executor.DeviceFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	var own []executor.DeviceFile
	out := slices.Clone(s.never)
	for _, g := range s.gpus {
		if holder, taken := s.owner[g.UUID]; taken && holder == c {
			own = append(own, g.File)
		}
	}
	for _, g := range s.gpus {
		if g.File.Known() && !slices.Contains(own, g.File) && !slices.Contains(out, g.File) {
			out = append(out, g.File)
		}
	}
	return out
}

// Unknown are the ids of devices whose files are not known.
func (s *Set) Unknown() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gpus {
		if !g.File.Known() {
			ids = append(ids, g.UUID)
		}
	}
	return ids
}
