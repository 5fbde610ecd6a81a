package org.tinyaudiossl.demo

import android.annotation.SuppressLint
import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.MotionEvent
import android.view.View
import android.widget.Button
import android.widget.SeekBar
import android.widget.TextView
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import org.tinyaudiossl.demo.drawing.Live
import org.tinyaudiossl.encoder.EngineException
import org.tinyaudiossl.encoder.SoundsException

/** The one screen. The microphone is open only while it is seen. */
class MainActivity : Activity() {
    private var ear: Ear? = null // null: there is no encoder that can be used
    private var wantsToListen = false
    private var shownClips = 0
    private val clips by lazy { ClipsConsent(this) { ear?.keepsClips = it } }
    private val microphone = MicrophonePermission(this) { setListening(true) }

    private val live: LiveView by lazy { findViewById(R.id.live) }
    private val status: TextView by lazy { findViewById(R.id.status) }
    private val listen: Button by lazy { findViewById(R.id.listen) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        wantsToListen = savedInstanceState?.getBoolean(LISTENS) ?: false
        @Suppress("DEPRECATION")
        ear = lastNonConfigurationInstance as Ear? ?: openEar()
        connect()
    }

    override fun onStart() {
        super.onStart()
        ear?.onHeard = { runOnUiThread(::show) }
        ear?.onFailure = { runOnUiThread { failed(it) } }
        if (wantsToListen && microphone.isGranted) setListening(true) else show()
    }

    /** In the background there is nothing to show, and the microphone belongs to others. */
    override fun onStop() {
        ear?.stop()
        ear?.onHeard = {} // it outlives this screen
        ear?.onFailure = {}
        super.onStop()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(LISTENS, wantsToListen)
    }

    @Deprecated("The framework has nothing else that keeps an object over a rotation")
    override fun onRetainNonConfigurationInstance(): Any? = ear

    override fun onDestroy() {
        if (!isChangingConfigurations) ear?.close()
        super.onDestroy()
    }

    private fun openEar(): Ear? = try {
        Ear(Artifacts(this).open(), File(noBackupFilesDir, "sounds.json"), clips.store)
    } catch (_: FileNotFoundException) {
        status.setText(R.string.no_artifact)
        null
    } catch (error: IOException) {
        refused(error)
    } catch (error: EngineException) {
        refused(error)
    }

    private fun refused(error: Exception): Ear? {
        status.text = getString(R.string.artifact_refused, error.message)
        return null
    }

    private fun connect() {
        clips.connect()
        val opened = ear
        val needing = listOf(R.id.listen, R.id.teach, R.id.threshold, R.id.sounds, R.id.keep, R.id.benchmark)
        for (id in needing) findViewById<View>(id).isEnabled = opened != null
        findViewById<View>(R.id.benchmark).setOnClickListener { open(BenchmarkActivity::class.java) }
        findViewById<View>(R.id.clips).setOnLongClickListener {
            open(TrainingActivity::class.java)
            true
        }
        if (opened == null) return
        listen.setOnClickListener { if (wantsToListen) setListening(false) else microphone.ask() }
        connectTeaching(opened)
        connectThreshold(opened)
        val sounds = SoundsDialog(this, opened, ::show)
        findViewById<View>(R.id.sounds).setOnClickListener { sounds.show() }
        sounds.name() // the screen was turned while a name was asked for
    }

    @SuppressLint("ClickableViewAccessibility") // a click teaches as well: see the click listener
    private fun connectTeaching(ear: Ear) {
        val teach = findViewById<Button>(R.id.teach)
        teach.setOnTouchListener { view, event ->
            when (event.actionMasked) {
                MotionEvent.ACTION_DOWN -> ear.beginTeaching()
                MotionEvent.ACTION_UP -> taught(ear)
                MotionEvent.ACTION_CANCEL -> ear.endTeaching()
            }
            view.isPressed = event.actionMasked in setOf(MotionEvent.ACTION_DOWN, MotionEvent.ACTION_MOVE)
            true
        }
        teach.setOnClickListener { // from a screen reader or a keyboard, which can't hold
            ear.beginTeaching()
            teach.postDelayed({ taught(ear) }, TEACH_MS)
        }
    }

    private fun taught(ear: Ear) {
        val example = ear.endTeaching()
        if (isFinishing || isDestroyed) return
        if (example == null) status.setText(R.string.nothing_heard)
        ear.unnamed = example
        SoundsDialog(this, ear, ::show).name()
    }

    private fun connectThreshold(ear: Ear) {
        val bar = findViewById<SeekBar>(R.id.threshold)
        bar.progress = Math.round(ear.sounds.threshold * 100)
        bar.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(seekBar: SeekBar, progress: Int, fromUser: Boolean) {
                if (fromUser) ear.sounds = ear.sounds.withThreshold(progress / 100f)
                show()
            }

            override fun onStartTrackingTouch(seekBar: SeekBar) = Unit
            override fun onStopTrackingTouch(seekBar: SeekBar) = Unit
        })
    }

    private fun open(activity: Class<out Activity>) = startActivity(Intent(this, activity))

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        if (!microphone.answered(grantResults)) status.setText(R.string.microphone_refused)
    }

    private fun setListening(on: Boolean) {
        val ear = ear ?: return
        wantsToListen = on
        if (on) ear.start() else ear.stop()
        listen.setText(if (on) R.string.stop else R.string.listen)
        status.text = if (on) getString(R.string.listening, ear.encoder.artifact.file) else ""
        show()
    }

    private fun failed(why: String) {
        setListening(false)
        status.text = getString(R.string.listening_failed, why)
    }

    private fun show() {
        val ear = ear ?: return
        live.live = scene(ear)
        live.contentDescription = "${getString(R.string.live_description)}: ${title(ear)}"
        findViewById<Button>(R.id.sounds).text = getString(R.string.sounds, ear.sounds.counts.size)
        findViewById<TextView>(R.id.threshold_label).text = getString(R.string.threshold, ear.sounds.threshold)
        if (ear.keptClips != shownClips) {
            shownClips = ear.keptClips
            clips.show()
        }
    }

    private fun scene(ear: Ear): Live {
        val match = ear.match
        val threshold = ear.sounds.threshold
        return Live(
            title = title(ear),
            detail = match?.let { getString(R.string.distance, it.distance, threshold) }.orEmpty(),
            distance = match?.distance,
            limit = threshold,
            levels = ear.history.levels(),
            columns = ear.history.columns(),
            levelLabel = getString(R.string.level),
            embeddingLabel = getString(R.string.embedding),
        )
    }

    private fun title(ear: Ear): String {
        val match = ear.match
        return when {
            !ear.listening -> getString(R.string.silent)
            match == null -> getString(R.string.nothing_taught)
            match.known -> match.name
            else -> getString(R.string.unknown)
        }
    }

    // The sounds dialog asks for a file through the system's picker.
    @Deprecated("The framework has nothing else without AndroidX")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val file = data?.data ?: return
        val ear = ear ?: return
        if (requestCode == SoundsDialog.EXPORT) exportSounds(ear, file) else importSounds(ear, file)
    }

    private fun exportSounds(ear: Ear, file: Uri) {
        try {
            contentResolver.openOutputStream(file)!!.use { it.write(ear.sounds.toJson().toByteArray()) }
            status.setText(R.string.exported)
        } catch (error: IOException) {
            status.text = getString(R.string.not_exported, error.message)
        }
    }

    private fun importSounds(ear: Ear, file: Uri) {
        try {
            val text = contentResolver.openInputStream(file)!!.use { it.readBytes().decodeToString() }
            status.text = getString(R.string.imported, ear.importSounds(text))
            findViewById<SeekBar>(R.id.threshold).progress = Math.round(ear.sounds.threshold * 100)
        } catch (error: IOException) {
            status.text = getString(R.string.not_imported, error.message)
        } catch (error: SoundsException) {
            val damaged = error.reason == SoundsException.Reason.DAMAGED
            status.setText(if (damaged) R.string.import_damaged else R.string.import_other)
        }
        show()
    }

    private companion object {
        const val LISTENS = "listens"
        const val TEACH_MS = 2_000L
    }
}
