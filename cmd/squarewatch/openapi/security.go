package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"squarewatch/probe"
)

// access is how a probe identifies itself.
type access struct {
	credential string            // its name in the configuration, or none
	headers    map[string]string // with references to secrets
	secrets    []string          // names of the secrets in these references
}

// secrets gives each security scheme of a document a name in the configuration.
type secrets struct {
	schemes openapi3.SecuritySchemes
	taken   names
	named   map[string]string // by the name of the scheme
}

func newSecrets(document *openapi3.T) *secrets {
	s := &secrets{taken: names{probe.NoCredential: true}, named: map[string]string{}}
	if document.Components != nil {
		s.schemes = document.Components.SecuritySchemes
	}
	return s
}

// name returns the name of a credential for a security scheme.
func (s *secrets) name(scheme string) string {
	if _, known := s.named[scheme]; !known {
		s.named[scheme] = s.taken.unique(scheme)
	}
	return s.named[scheme]
}

// access returns how a probe meets the first requirement that squarewatch can meet, or an error when it can meet none. Without
// requirements, no credential is needed.
func (s *secrets) access(requirements *openapi3.SecurityRequirements) (access, error) {
	if requirements == nil || len(*requirements) == 0 {
		return access{credential: probe.NoCredential}, nil
	}
	var first error
	for _, requirement := range *requirements {
		way, err := s.accessFor(requirement)
		if err == nil {
			return way, nil
		}
		if first == nil {
			first = err
		}
	}
	return access{}, first
}

// accessFor returns how to meet all schemes of one requirement.
func (s *secrets) accessFor(requirement openapi3.SecurityRequirement) (access, error) {
	way := access{credential: probe.NoCredential, headers: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(requirement)) {
		ref := s.schemes[name]
		if ref == nil || ref.Value == nil {
			return access{}, fmt.Errorf("the document does not define its security scheme %q", shown(name))
		}
		header, prefix, err := carrier(name, ref.Value)
		if err != nil {
			return access{}, err
		}
		_, taken := way.headers[header]
		if taken || header == "Authorization" && way.credential != probe.NoCredential {
			return access{}, fmt.Errorf("its security schemes need the header %s twice", shown(header))
		}
		named := s.name(name)
		if header == "Authorization" && prefix == "Bearer " {
			way.credential = named
			continue
		}
		way.headers[header] = prefix + "${credential:" + named + "}"
		way.secrets = append(way.secrets, named)
	}
	return way, nil
}

// carrier returns the header that carries a secret, and what comes before the secret in it.
func carrier(name string, scheme *openapi3.SecurityScheme) (header, prefix string, _ error) {
	switch kind := strings.ToLower(scheme.Type); {
	case kind == "oauth2", kind == "openidconnect", kind == "http" && strings.EqualFold(scheme.Scheme, "bearer"):
		return "Authorization", "Bearer ", nil
	case kind == "http" && strings.EqualFold(scheme.Scheme, "basic"):
		return "Authorization", "Basic ", nil
	case kind == "apikey" && scheme.In == openapi3.ParameterInHeader && strings.EqualFold(scheme.Name, "Authorization"):
		return "Authorization", "", nil
	case kind == "apikey" && scheme.In == openapi3.ParameterInHeader:
		return scheme.Name, "", nil
	case kind == "apikey":
		return "", "", fmt.Errorf("its key %q is sent in the %s, and squarewatch sends secrets only in headers", shown(name), shown(scheme.In))
	}
	return "", "", fmt.Errorf("squarewatch cannot log in by its security scheme %q (%s)", shown(name), shown(scheme.Type+" "+scheme.Scheme))
}
