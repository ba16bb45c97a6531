package digestmd5

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/bits"
	"slices"
)

const (
	macSize      = 10
	trailerSize  = 2 + 4 // message type 1 and the sequence number
	intOverhead  = macSize + trailerSize
	confOverhead = 26 // what Java reserves: the above and up to a block of padding
)

type side bool

const (
	clientSide side = false
	serverSide side = true
)

// cipherNames lists the ciphers in the order in which Java offers and prefers them.
var cipherNames = []string{"3des", "rc4", "des", "rc4-56", "rc4-40"}

func chooseCipher(offered []string) string {
	for _, c := range cipherNames {
		if slices.Contains(offered, c) {
			return c
		}
	}
	return ""
}

// Layer signs, or signs and encrypts, the messages of one connection. Wrap and
// Unwrap may run at the same time, but each only once at a time, in the order of the stream.
type Layer struct {
	send, receive direction
	maxPlain      int
}

// direction is one way of the stream.
type direction struct {
	mac   hash.Hash
	seq   uint32
	block cipher.BlockMode // des and 3des
	rc4   *rc4.Cipher
}

// newLayer derives the keys of RFC 2831 sections 2.3 and 2.4; nil for Auth.
func newLayer(a1 []byte, qop QOP, cipherName string, s side, peerMaxBuffer int) (*Layer, error) {
	if qop == Auth {
		return nil, nil
	}
	l := &Layer{maxPlain: peerMaxBuffer - intOverhead}
	up := direction{mac: hmac.New(md5.New, derive(a1, "Digest session key to client-to-server signing key magic constant"))}
	down := direction{mac: hmac.New(md5.New, derive(a1, "Digest session key to server-to-client signing key magic constant"))}
	if qop == AuthConf {
		l.maxPlain = peerMaxBuffer - confOverhead
		n, err := sealingKeySize(cipherName)
		if err != nil {
			return nil, err
		}
		upKey := derive(a1[:n], "Digest H(A1) to client-to-server sealing key magic constant")
		downKey := derive(a1[:n], "Digest H(A1) to server-to-client sealing key magic constant")
		if err := errors.Join(up.setCipher(cipherName, upKey, s == clientSide), down.setCipher(cipherName, downKey, s == serverSide)); err != nil {
			return nil, err
		}
	}
	l.send, l.receive = up, down
	if s == serverSide {
		l.send, l.receive = down, up
	}
	return l, nil
}

func derive(key []byte, constant string) []byte {
	h := md5.New()
	h.Write(key)
	h.Write([]byte(constant))
	return h.Sum(nil)
}

func sealingKeySize(name string) (int, error) {
	switch name {
	case "3des", "des", "rc4":
		return 16, nil
	case "rc4-56":
		return 7, nil
	case "rc4-40":
		return 5, nil
	}
	return 0, fmt.Errorf("DIGEST-MD5: cipher %q is none of 3des, rc4, des, rc4-56, rc4-40", name)
}

func (d *direction) setCipher(name string, key []byte, encrypt bool) error {
	var block cipher.Block
	var err error
	switch name {
	case "3des": // two keys, the first one used again
		k1, k2 := desKey(key[:7]), desKey(key[7:14])
		block, err = des.NewTripleDESCipher(slices.Concat(k1, k2, k1))
	case "des":
		block, err = des.NewCipher(desKey(key[:7]))
	default:
		d.rc4, err = rc4.NewCipher(key)
	}
	if err != nil || block == nil {
		return err
	}
	if encrypt {
		d.block = cipher.NewCBCEncrypter(block, key[8:16])
	} else {
		d.block = cipher.NewCBCDecrypter(block, key[8:16])
	}
	return nil
}

// desKey spreads 56 bits over 8 bytes and gives each odd parity.
func desKey(k7 []byte) []byte {
	var v uint64
	for _, b := range k7 {
		v = v<<8 | uint64(b)
	}
	out := make([]byte, 8)
	for i := range out {
		b := byte(v>>(49-7*i)) & 0x7f << 1
		if bits.OnesCount8(b)%2 == 0 {
			b |= 1
		}
		out[i] = b
	}
	return out
}

// MaxPlain is the size of the largest message that the peer accepts in one piece.
func (l *Layer) MaxPlain() int { return l.maxPlain }

// Wrap appends the protected form of msg to dst.
func (l *Layer) Wrap(dst, msg []byte) []byte {
	d := &l.send
	start := len(dst)
	dst = append(dst, msg...)
	if d.block != nil {
		size := d.block.BlockSize()
		pad := size - (len(msg)+macSize)%size
		for range pad {
			dst = append(dst, byte(pad))
		}
	}
	dst = d.appendMAC(dst, msg)
	d.crypt(dst[start:])
	dst = append(dst, 0, 1)
	dst = binary.BigEndian.AppendUint32(dst, d.seq)
	d.seq++
	return dst
}

// Unwrap checks token and returns its message, decrypted inside token's own memory.
func (l *Layer) Unwrap(token []byte) ([]byte, error) {
	d := &l.receive
	if len(token) < intOverhead {
		return nil, fmt.Errorf("DIGEST-MD5: wrapped message of %d bytes is too short", len(token))
	}
	body, trailer := token[:len(token)-trailerSize], token[len(token)-trailerSize:]
	if trailer[0] != 0 || trailer[1] != 1 {
		return nil, errors.New("DIGEST-MD5: wrapped message has an unknown type")
	}
	if seq := binary.BigEndian.Uint32(trailer[2:]); seq != d.seq {
		return nil, fmt.Errorf("DIGEST-MD5: wrapped message %d arrived where %d was due", seq, d.seq)
	}
	if d.block != nil && len(body)%d.block.BlockSize() != 0 {
		return nil, errors.New("DIGEST-MD5: wrapped message is not a whole number of blocks")
	}
	d.crypt(body)
	msg, mac := body[:len(body)-macSize], body[len(body)-macSize:]
	if d.block != nil {
		if len(msg) == 0 {
			return nil, errors.New("DIGEST-MD5: wrapped message has no padding")
		}
		pad := int(msg[len(msg)-1])
		if pad < 1 || pad > d.block.BlockSize() || pad > len(msg) {
			return nil, errors.New("DIGEST-MD5: wrapped message has wrong padding")
		}
		msg = msg[:len(msg)-pad]
	}
	var want [md5.Size]byte
	if !hmac.Equal(mac, d.appendMAC(want[:0], msg)) {
		return nil, errors.New("DIGEST-MD5: wrapped message has a wrong signature")
	}
	d.seq++
	return msg, nil
}

func (d *direction) appendMAC(dst, msg []byte) []byte {
	var seq [4]byte
	binary.BigEndian.PutUint32(seq[:], d.seq)
	d.mac.Reset()
	d.mac.Write(seq[:])
	d.mac.Write(msg)
	start := len(dst)
	return d.mac.Sum(dst)[:start+macSize]
}

func (d *direction) crypt(b []byte) {
	switch {
	case d.block != nil:
		d.block.CryptBlocks(b, b)
	case d.rc4 != nil:
		d.rc4.XORKeyStream(b, b)
	}
}
