package org.tinyaudiossl.demo.federation

import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.SeekBar
import android.widget.Switch
import android.widget.TextView
import java.io.IOException
import java.security.GeneralSecurityException
import org.tinyaudiossl.demo.R
import org.tinyaudiossl.demo.clipStore
import org.tinyaudiossl.demo.drawing.Bar
import org.tinyaudiossl.demo.drawing.Overview
import org.tinyaudiossl.demo.participation.Enrollment
import org.tinyaudiossl.demo.participation.EnrollmentException
import org.tinyaudiossl.demo.participation.Limits
import org.tinyaudiossl.demo.participation.Standing

/** To agree, enroll, set limits, and leave. */
class FederationActivity : Activity() {
    private val phone by lazy { Phone(this) }
    private val membership get() = phone.membership

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.federation)
        connect()
        if (savedInstanceState == null) intent.dataString?.let(::enroll)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        intent.dataString?.let(::enroll)
    }

    override fun onStart() {
        super.onStart()
        show()
    }

    private fun connect() {
        val takePart = findViewById<Switch>(R.id.take_part)
        takePart.setOnClickListener { if (takePart.isChecked) ask() else agree(false) }
        onClick(R.id.enroll, ::pickFile)
        onClick(R.id.share_key, ::shareKey)
        onClick(R.id.history) { startActivity(Intent(this, HistoryActivity::class.java)) }
        onClick(R.id.forget, ::askToForget)
        connectLimit(R.id.minutes) { copy(minutes = Limits.STEP_MINUTES * (it + 1)) }
        connectLimit(R.id.megabytes) { copy(megabytes = Limits.STEP_MEGABYTES * (it + 1)) }
    }

    private fun onClick(id: Int, action: () -> Unit) = findViewById<View>(id).setOnClickListener { action() }

    private fun connectLimit(id: Int, moved: Limits.(Int) -> Limits) {
        findViewById<SeekBar>(id).setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(seekBar: SeekBar, progress: Int, fromUser: Boolean) {
                if (!fromUser) return
                keep { membership.limits = membership.limits.moved(progress) }
                showLimits()
            }

            override fun onStartTrackingTouch(seekBar: SeekBar) = Unit
            override fun onStopTrackingTouch(seekBar: SeekBar) = Unit
        })
    }

    private fun ask() {
        AlertDialog.Builder(this)
            .setMessage(R.string.what_leaves)
            .setPositiveButton(R.string.agree) { _, _ -> agree(true) }
            .setNegativeButton(R.string.cancel) { _, _ -> agree(false) }
            .setOnCancelListener { agree(false) }
            .show()
    }

    private fun agree(agreed: Boolean) {
        if (!agreed) FederationJob.schedule(this, false)
        keep { membership.agreed = agreed }
        show()
    }

    private fun keep(change: () -> Unit) {
        try {
            change()
        } catch (error: IOException) {
            tell(getString(R.string.not_exported, error.message))
        }
    }

    /** Shows what a file or a link says before it counts: any page in a browser may open a link. */
    private fun enroll(text: String) {
        val given = try {
            Enrollment.parse(text)
        } catch (error: EnrollmentException) {
            return tell(getString(R.string.enroll_failed, error.message))
        }
        AlertDialog.Builder(this)
            .setTitle(getString(R.string.enroll_title, given.server))
            .setMessage(getString(R.string.enroll_why, given.artifactSha256.take(SHOWN), given.fingerprint.take(SHOWN)))
            .setPositiveButton(R.string.enroll_yes) { _, _ -> accept(given) }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }

    private fun accept(given: Enrollment) {
        try {
            membership.enrollment = given
            PhoneKey.open(membership.state)
        } catch (error: IOException) {
            tell(getString(R.string.enroll_failed, error.message))
        }
        show()
    }

    private fun pickFile() {
        val picker = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*")
        @Suppress("DEPRECATION")
        startActivityForResult(picker, 0)
    }

    @Deprecated("The framework has nothing else without AndroidX")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val file = data?.data ?: return
        try {
            enroll(read(file))
        } catch (error: IOException) {
            tell(getString(R.string.enroll_failed, error.message))
        }
    }

    /** The beginning of a file, which is more than an enrollment has. */
    private fun read(file: Uri): String = contentResolver.openInputStream(file)!!.use { input ->
        val bytes = ByteArray(MOST_BYTES)
        var size = 0
        while (size < bytes.size) {
            val count = input.read(bytes, size, bytes.size - size)
            if (count < 0) break
            size += count
        }
        String(bytes, 0, size)
    }

    private fun shareKey() {
        val key = publicKey() ?: return
        val send = Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, key)
        startActivity(Intent.createChooser(send, getString(R.string.share_key)))
    }

    /** Null before the phone is enrolled. */
    private fun publicKey(): String? = try {
        if (membership.enrollment == null) null else PhoneKey.open(membership.state).publicOpenSsh.trim()
    } catch (error: IOException) {
        error.message
    }

    private fun askToForget() {
        AlertDialog.Builder(this)
            .setMessage(R.string.forget_why)
            .setPositiveButton(R.string.delete) { _, _ -> forget() }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }

    private fun forget() {
        FederationJob.schedule(this, false)
        try {
            membership.forget()
            PhoneKey.delete()
        } catch (error: IOException) {
            tell(getString(R.string.forget_failed, error.message))
        } catch (error: GeneralSecurityException) {
            tell(getString(R.string.forget_failed, error.message))
        }
        show()
    }

    private fun tell(text: String) {
        AlertDialog.Builder(this).setMessage(text).setPositiveButton(R.string.go_on, null).show()
    }

    private fun show() {
        val enrollment = membership.enrollment
        FederationJob.schedule(this, membership.agreed && enrollment != null)
        findViewById<Switch>(R.id.take_part).isChecked = membership.agreed
        findViewById<TextView>(R.id.enrollment).text =
            if (enrollment == null) getString(R.string.not_enrolled)
            else getString(R.string.enrolled, enrollment.server, enrollment.artifactSha256.take(SHOWN))
        val key = publicKey()
        findViewById<TextView>(R.id.key).text =
            if (key == null) getString(R.string.key_none) else getString(R.string.key, key)
        findViewById<View>(R.id.share_key).isEnabled = key != null
        showLimits()
    }

    private fun showLimits() {
        val (standing, limits) = phone.standing() to membership.limits
        findViewById<OverviewView>(R.id.overview).overview = overview(standing, limits)
        findViewById<TextView>(R.id.standing).text = getString(said(standing).second, clipStore(this).count)
        findViewById<SeekBar>(R.id.minutes).progress = limits.minutes / Limits.STEP_MINUTES - 1
        findViewById<SeekBar>(R.id.megabytes).progress = limits.megabytes / Limits.STEP_MEGABYTES - 1
        findViewById<TextView>(R.id.minutes_label).text = getString(R.string.limit_minutes, limits.minutes)
        findViewById<TextView>(R.id.megabytes_label).text = getString(R.string.limit_megabytes, limits.megabytes)
    }

    private fun overview(standing: Standing, limits: Limits): Overview {
        val spent = membership.spent
        val title = if (FederationJob.isRunning) R.string.standing_running else said(standing).first
        val minutes = getString(R.string.spent_minutes, spent.ms / 60_000, limits.minutes)
        val megabytes = getString(R.string.spent_megabytes, spent.bytes / 1e6, limits.megabytes)
        val bars = listOf(
            Bar(minutes, spent.ms.toFloat() / limits.ms),
            Bar(megabytes, spent.bytes.toFloat() / limits.bytes),
        )
        return Overview(getString(title), standing == Standing.WAITING || standing == Standing.SPENT, bars)
    }

    /** The title of a standing, and the sentence below it. */
    private fun said(standing: Standing): Pair<Int, Int> = when (standing) {
        Standing.OFF -> R.string.standing_off to R.string.standing_off_why
        Standing.NOT_ENROLLED -> R.string.standing_not_enrolled to R.string.standing_not_enrolled_why
        Standing.OTHER_MODEL -> R.string.standing_other_model to R.string.standing_other_model_why
        Standing.NO_CLIPS -> R.string.standing_no_clips to R.string.standing_no_clips_why
        Standing.SPENT -> R.string.standing_spent to R.string.standing_spent_why
        Standing.WAITING -> R.string.standing_waiting to R.string.standing_waiting_why
    }

    private companion object {
        const val SHOWN = 16 // digits of a hash
        const val MOST_BYTES = 65_536
    }
}
