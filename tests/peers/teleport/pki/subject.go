// subject.go writes what Teleport says of a client into the subject of its certificate,
// and reads it there. Teleport's own attributes are subject attributes and no extensions.

package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
)

// Teleport's attributes (observed on Teleport 14, those of bots on later ones).
var (
	oidCluster          = asn1.ObjectIdentifier{1, 3, 9999, 1, 7}
	oidRenewable        = asn1.ObjectIdentifier{1, 3, 9999, 1, 13}
	oidGeneration       = asn1.ObjectIdentifier{1, 3, 9999, 1, 14}
	oidPrivateKeyPolicy = asn1.ObjectIdentifier{1, 3, 9999, 1, 15}
	oidImpersonator     = asn1.ObjectIdentifier{1, 3, 9999, 2, 7}
	oidDisallowReissue  = asn1.ObjectIdentifier{1, 3, 9999, 2, 9}
	oidBot              = asn1.ObjectIdentifier{1, 3, 9999, 2, 18}
	oidBotInstance      = asn1.ObjectIdentifier{1, 3, 9999, 2, 20}
	oidJoinAttributes   = asn1.ObjectIdentifier{1, 3, 9999, 2, 21}
)

// Subject is a client as its certificate describes it.
type Subject struct {
	User  string
	Roles []string
	// Logins and Traits (in JSON) are of no use here; they stand where Teleport has them.
	Logins         []string
	Traits         string
	RouteToCluster string
	Cluster        string

	Renewable  bool
	Generation uint64
	// PrivateKeyPolicy is "none" for every bot.
	PrivateKeyPolicy string
	// Impersonator is the user who asked for this certificate with other roles.
	Impersonator    string
	DisallowReissue bool

	Bot            string
	BotInstance    string
	JoinAttributes string
}

func (s Subject) name() pkix.Name {
	name := pkix.Name{
		CommonName:    s.User,
		Organization:  s.Roles,
		Locality:      s.Logins,
		StreetAddress: []string{s.RouteToCluster},
		PostalCode:    []string{s.Traits},
	}
	add := func(oid asn1.ObjectIdentifier, value string) {
		if value != "" {
			name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: oid, Value: value})
		}
	}
	add(oidRenewable, word(s.Renewable))
	add(oidCluster, s.Cluster)
	if s.Generation > 0 {
		add(oidGeneration, strconv.FormatUint(s.Generation, 10))
	}
	add(oidPrivateKeyPolicy, s.PrivateKeyPolicy)
	add(oidImpersonator, s.Impersonator)
	add(oidDisallowReissue, word(s.DisallowReissue))
	add(oidBot, s.Bot)
	add(oidBotInstance, s.BotInstance)
	add(oidJoinAttributes, s.JoinAttributes)
	return name
}

func word(set bool) string {
	if set {
		return "true"
	}
	return ""
}

// SubjectOf reads a verified certificate.
func SubjectOf(certificate *x509.Certificate) Subject {
	s := Subject{
		User:   certificate.Subject.CommonName,
		Roles:  certificate.Subject.Organization,
		Logins: certificate.Subject.Locality,
	}
	if street := certificate.Subject.StreetAddress; len(street) > 0 {
		s.RouteToCluster = street[0]
	}
	if code := certificate.Subject.PostalCode; len(code) > 0 {
		s.Traits = code[0]
	}
	for _, attribute := range certificate.Subject.Names {
		value, _ := attribute.Value.(string)
		s.read(attribute.Type, value)
	}
	return s
}

func (s *Subject) read(oid asn1.ObjectIdentifier, value string) {
	switch {
	case oid.Equal(oidCluster):
		s.Cluster = value
	case oid.Equal(oidRenewable):
		s.Renewable = value == "true"
	case oid.Equal(oidGeneration):
		// Signed by this cluster, so it is a number; else it counts as none.
		s.Generation, _ = strconv.ParseUint(value, 10, 64)
	case oid.Equal(oidPrivateKeyPolicy):
		s.PrivateKeyPolicy = value
	case oid.Equal(oidImpersonator):
		s.Impersonator = value
	case oid.Equal(oidDisallowReissue):
		s.DisallowReissue = value == "true"
	case oid.Equal(oidBot):
		s.Bot = value
	case oid.Equal(oidBotInstance):
		s.BotInstance = value
	case oid.Equal(oidJoinAttributes):
		s.JoinAttributes = value
	}
}
