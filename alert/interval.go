package alert

import (
	"math"

	"squarewatch/config/setting"
)

// quantile returns how many standard deviations a two-sided interval of the normal distribution with this confidence reaches to each
// side; 0 without confidence.
func quantile(confidence setting.Share) float64 {
	if confidence <= 0 {
		return 0
	}
	return math.Sqrt2 * math.Erfinv(float64(confidence))
}

// interval returns the bounds of the true rate by Wilson's score interval, which is accurate even for few runs and for rates near 0 and 1.
// With z of 0 both bounds are the raw rate. See E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA
// 22 (1927), https://doi.org/10.1080/01621459.1927.10502953
func interval(bad, runs int, z float64) (low, high setting.Share) {
	if runs == 0 {
		return 0, 1
	}
	n, p := float64(runs), float64(bad)/float64(runs)
	if z == 0 {
		return setting.Share(p), setting.Share(p)
	}
	scale := 1 / (1 + z*z/n)
	middle := scale * (p + z*z/(2*n))
	reach := scale * z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return setting.Share(max(middle-reach, 0)), setting.Share(min(middle+reach, 1))
}
