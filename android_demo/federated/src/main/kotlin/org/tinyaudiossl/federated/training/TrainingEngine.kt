package org.tinyaudiossl.federated.training

import java.io.Closeable
import java.io.IOException

/** The runtime can't be loaded, or refuses an artifact or its inputs. */
class EngineException(message: String, cause: Throwable? = null) : IOException(message, cause)

/** The runtime that computes log-mels, losses and gradients, for one [DeviceFolder]. */
interface TrainingEngine : Closeable {
    /**
     * Return the log-mels `[batch, 1, bands, frames]` of [clips] `[batch, samples]`: mono, -1..1, 16 kHz.
     * @throws EngineException the runtime fails.
     */
    fun logMel(clips: FloatArray): FloatArray

    /**
     * Return the loss on [inputs], in the order of the artifact, at [weights], and write its gradients
     * to [gradients]; both vectors hold all parameters, one after another.
     * @throws EngineException the runtime fails.
     */
    fun gradients(weights: FloatArray, inputs: List<FloatArray>, gradients: FloatArray): Float
}
