package org.tinyaudiossl.federated.device

import java.io.File
import java.io.IOException
import java.security.SecureRandom
import kotlin.math.sqrt
import org.tinyaudiossl.federated.writeAtomically

/**
 * Local differential privacy: an update is clipped, and gets Gaussian noise from the system's secure
 * generator, before anything is sent. Every release counts, whatever becomes of it, in a file that
 * outlives this program: tiny_audio_ssl/federated/privacy.py turns a count into epsilon.
 *
 * @param folder exists.
 * @param maxReleases of this device in all its runs; further ones are refused.
 */
class LocalPrivacy(folder: File, private val maxReleases: Long, private val random: SecureRandom = SecureRandom()) {
    private val file = File(folder, "releases")

    /** Count of the updates that were released so far. */
    val releases: Long get() = if (file.isFile) file.readText().trim().toLong() else 0

    /**
     * Return the update, scaled down to an L2 norm of [clippingNorm] if it is longer, with noise of
     * [noiseMultiplier] clipping norms on every number. Counts as a release from here on.
     * @throws RunRefusedException the device's releases are used up, or no noise is asked for.
     * @throws IOException the count can't be kept, so that the update must not be sent.
     */
    fun protect(update: FloatArray, clippingNorm: Double, noiseMultiplier: Double): FloatArray {
        if (!(clippingNorm > 0 && noiseMultiplier > 0)) {
            throw RunRefusedException(
                "privacy local with clipping-norm $clippingNorm and noise-multiplier $noiseMultiplier; " +
                    "both must be above 0",
                Reason.UNPROTECTED,
            )
        }
        count()
        val deviation = noiseMultiplier * clippingNorm
        val clipped = clipped(update, clippingNorm)
        return FloatArray(update.size) { clipped[it] + (deviation * random.nextGaussian()).toFloat() }
    }

    private fun count() {
        val before = try {
            releases
        } catch (error: NumberFormatException) {
            throw IOException("$file: not a count of releases", error)
        }
        if (before >= maxReleases) {
            throw RunRefusedException(
                "this device has released $before updates, as many as its user allows",
                Reason.RELEASES_SPENT,
            )
        }
        file.writeAtomically("${before + 1}\n".toByteArray())
    }

    companion object {
        /** Return the update, scaled down to an L2 norm of [clippingNorm] if it is longer. */
        fun clipped(update: FloatArray, clippingNorm: Double): FloatArray {
            val norm = sqrt(update.sumOf { it.toDouble() * it })
            val scale = if (norm <= clippingNorm) 1f else (clippingNorm / norm).toFloat()
            return FloatArray(update.size) { update[it] * scale }
        }
    }
}
