package org.tinyaudiossl.federated.training

import org.tinyaudiossl.federated.device.Reason
import org.tinyaudiossl.federated.device.RunRefusedException
import org.tinyaudiossl.federated.device.RunSettings
import org.tinyaudiossl.federated.device.TrainingRequest

/** The outcome of a round: new weights less those that were sent, and the mean loss of the steps. */
class LocalUpdate(val update: FloatArray, val loss: Double)

/** A round's training on this device's recordings, as tiny_audio_ssl/federated/local_training.py. */
class LocalTraining(
    private val folder: DeviceFolder,
    private val engine: TrainingEngine,
    private val recordings: Recordings,
) {
    private val slices = Slices(folder.layout)

    /**
     * Train for the steps of a round; seed, round and client decide every draw.
     * @throws RunRefusedException there is too little to train on, or a step is not finite.
     * @throws EngineException the runtime fails.
     */
    fun train(request: TrainingRequest, settings: RunSettings): LocalUpdate {
        check(settings)
        val seed = settings.whole("seed")
        val localSteps = settings.whole("local-steps").toInt()
        val crops = Crops(recordings, folder.cropSamples, folder.layout.batchSize, seed, request.client)
        val optimizer = AdamW(folder.parameters, optimizerSettings(settings, localSteps))
        val pull = if (settings.text("strategy") == "fedprox") settings.number("proximal-mu") else 0.0
        val weights = request.weights.copyOf()
        val gradients = FloatArray(weights.size)
        var losses = 0.0
        val first = (request.round.toInt() - 1) * localSteps
        for (step in first until first + localSteps) {
            val drawn = slices.draw(
                engine.logMel(crops.read(step)),
                longArrayOf(seed, request.client, CounterRandom.TASK, step.toLong(), 0),
            )
            val inputs = folder.inputs.map { drawn.getValue(it.name) }
            val loss = engine.gradients(weights, inputs, gradients)
            addPull(pull.toFloat(), weights, request.weights, gradients)
            if (!loss.isFinite() || gradients.any { !it.isFinite() }) {
                throw RunRefusedException(
                    "loss or gradients of step ${step - first} are not finite",
                    Reason.DIVERGED,
                )
            }
            optimizer.step(weights, gradients, step)
            losses += loss
        }
        return LocalUpdate(FloatArray(weights.size) { weights[it] - request.weights[it] }, losses / localSteps)
    }

    private fun check(settings: RunSettings) {
        val batch = settings.whole("batch-size")
        if (batch != folder.layout.batchSize.toLong()) {
            throw RunRefusedException(
                "the run's batch-size is $batch; this device's artifact takes ${folder.layout.batchSize}",
            )
        }
        val needed = if (folder.layout.task == "cola") 2 else 1 // COLA compares clips with one another
        if (recordings.count < needed) {
            throw RunRefusedException(
                "${recordings.count} recordings of ${folder.cropSamples / 16_000.0} s or more; " +
                    "expected at least $needed",
                Reason.TOO_FEW_CLIPS,
            )
        }
    }

    private fun optimizerSettings(settings: RunSettings, localSteps: Int) = OptimizerSettings(
        steps = settings.whole("rounds").toInt() * localSteps,
        learningRate = settings.number("learning-rate"),
        warmupSteps = settings.whole("warmup-steps").toInt(),
        weightDecay = settings.number("weight-decay"),
        gradientClip = settings.number("gradient-clip"),
    )

    /** Add the gradient of strength / 2 |w - sent|^2: Li et al. 2018, arXiv 1812.06127, equation 2. */
    private fun addPull(strength: Float, weights: FloatArray, sent: FloatArray, gradients: FloatArray) {
        if (strength == 0f) return
        for (i in weights.indices) gradients[i] += strength * (weights[i] - sent[i])
    }
}
