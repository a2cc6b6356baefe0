// vector_decode_training: the form of vector_decode for LoadRegisters, StoreRegisters, Update and Sum.
//   registers are an image of four bytes a pixel; a master is the first operand of its update, and, of 8 bits, its output
// Golden: accel_models.commands (layout) and the refusals of accel_models.golden.training and scalars: illegal, in so far as
// it is not those of a shift or multiplier. Latency 0. Combinational path: all inputs -> settings_o.
`default_nettype none
module vector_decode_training #(
  parameter int unsigned Columns = 4
) (
  // Token masks and register flags are not for the engine.
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic                 [511:0] command_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire vector_pkg::settings_t        neutral_i,
  output      vector_pkg::settings_t        settings_o
);
  localparam logic [30:0] One = 31'd1 << 30;

  // LoadRegisters and StoreRegisters have the same fields in the same places.
  logic  [5:0] count;
  logic  [6:0] stop;
  logic [19:0] place;
  logic [14:0] most;
  assign count = command_i[accel_pkg::LoadRegistersCountLsb +: 6];
  assign stop  = 7'(command_i[accel_pkg::LoadRegistersRegisterLsb +: 5]) + 7'(count);
  assign place = command_i[accel_pkg::LoadRegistersPadAddressLsb +: 20];
  assign most  = command_i[accel_pkg::UpdateMostLsb +: 15];

  always_comb begin
    settings_o = neutral_i;
    unique case (command_i[7:0])
      accel_pkg::OpcodeLoadRegisters,
      accel_pkg::OpcodeStoreRegisters: begin
        settings_o.kind                = vector_pkg::KindStore;
        settings_o.height              = 12'd1;
        settings_o.width               = 12'(count);
        settings_o.columns             = 16'(accel_pkg::WordBytes);
        settings_o.destination         = command_i[accel_pkg::LoadRegistersRegisterLsb +: 5];
        settings_o.output_address      = place;
        settings_o.output_pixel_stride = 16'(accel_pkg::WordBytes);
        settings_o.add                 = 1'b1;  // b as it is
        settings_o.mult_b              = One;
        settings_o.add_shift           = 6'd30;
        settings_o.add_low             = 8'h80;
        settings_o.add_high            = 8'h7F;
        settings_o.illegal             = Columns < accel_pkg::WordBytes || stop > 7'(accel_pkg::Registers);
        if (command_i[7:0] == accel_pkg::OpcodeLoadRegisters) begin
          settings_o.kind               = vector_pkg::KindLoad;
          settings_o.reads              = 1'b1;
          settings_o.unwritten          = 1'b1;
          settings_o.input_address      = place;
          settings_o.input_pixel_stride = 16'(accel_pkg::WordBytes);
        end
      end
      accel_pkg::OpcodeUpdate: begin
        settings_o.kind               = vector_pkg::KindUpdate;
        settings_o.wide               = command_i[accel_pkg::UpdateWideLsb];
        settings_o.sums               = 1'b1;
        settings_o.reads              = 1'b1;
        settings_o.subtract           = 1'b1;
        settings_o.to_register        = 1'b1;
        settings_o.height             = command_i[accel_pkg::UpdateEntriesLsb +: 12];
        settings_o.columns            = command_i[accel_pkg::UpdateColumnsLsb +: 16];
        settings_o.accumulator        = command_i[accel_pkg::UpdateAccumulatorLsb +: 12];
        settings_o.input_address      = command_i[accel_pkg::UpdateMasterAddressLsb +: 20];
        settings_o.input_row_stride   = command_i[accel_pkg::UpdateMasterRowStrideLsb +: 20];
        settings_o.input_pixel_stride = 16'(Columns);
        settings_o.input_width        = 16'd2;
        settings_o.output_address     = settings_o.input_address;
        settings_o.output_row_stride  = settings_o.input_row_stride;
        settings_o.mult               = command_i[accel_pkg::UpdateMultiplierLsb +: 31];
        settings_o.shift              = command_i[accel_pkg::UpdateShiftLsb +: 6];
        settings_o.rounding           = command_i[accel_pkg::UpdateRoundingLsb +: 2];
        settings_o.high               = {1'b0, most};
        settings_o.low                = -{1'b0, most};
        settings_o.index_base         = command_i[accel_pkg::UpdateKeyLsb +: 32] +
                                        32'(command_i[accel_pkg::UpdateIndexStartLsb +: 31]);
        settings_o.index_row_stride   = command_i[accel_pkg::UpdateIndexRowStrideLsb +: 20];
        settings_o.random_bits        = command_i[accel_pkg::UpdateRandomBitsLsb +: 5];
        settings_o.fraction_bits      = command_i[accel_pkg::UpdateFractionBitsLsb +: 4];
        settings_o.destination        = command_i[accel_pkg::UpdateDestinationLsb +: 5];
        settings_o.value              = 32'(command_i[accel_pkg::UpdateZerosStartLsb +: 31]);
        settings_o.second_value       = command_i[accel_pkg::UpdateSumsStartLsb +: 31];
        if (settings_o.wide) begin
          settings_o.kernel_width      = 8'(accel_pkg::UpdateStepsWide);
          settings_o.output_address    = command_i[accel_pkg::UpdateOutputAddressLsb +: 20];
          settings_o.output_row_stride = command_i[accel_pkg::UpdateOutputRowStrideLsb +: 20];
        end
        settings_o.illegal            = settings_o.destination == '1 ||
                                        settings_o.rounding == accel_pkg::RoundingDouble ||
                                        (!settings_o.wide && most > 15'd127);
      end
      default: begin  // Sum
        settings_o.kind                = vector_pkg::KindSum;
        settings_o.reads               = 1'b1;
        settings_o.second              = 1'b1;
        settings_o.training            = 1'b1;
        settings_o.mask                = command_i[accel_pkg::SumMaskedLsb];
        settings_o.kernel_width        = settings_o.mask ? 8'd3 : 8'd2;
        settings_o.height              = command_i[accel_pkg::SumHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::SumWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::SumColumnsLsb +: 16];
        settings_o.input_address       = command_i[accel_pkg::SumAAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::SumARowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::SumAPixelStrideLsb +: 16];
        settings_o.b_address           = command_i[accel_pkg::SumBAddressLsb +: 20];
        settings_o.b_row_stride        = command_i[accel_pkg::SumBRowStrideLsb +: 20];
        settings_o.b_pixel_stride      = command_i[accel_pkg::SumBPixelStrideLsb +: 16];
        settings_o.c_address           = command_i[accel_pkg::SumCAddressLsb +: 20];
        settings_o.c_row_stride        = command_i[accel_pkg::SumCRowStrideLsb +: 20];
        settings_o.c_pixel_stride      = command_i[accel_pkg::SumCPixelStrideLsb +: 16];
        settings_o.output_address      = command_i[accel_pkg::SumOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::SumOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::SumOutputPixelStrideLsb +: 16];
        settings_o.up_a                = command_i[accel_pkg::SumUpALsb +: 5];
        settings_o.up_b                = command_i[accel_pkg::SumUpBLsb +: 5];
        settings_o.bound               = command_i[accel_pkg::SumBoundLsb +: 31];
        settings_o.mult                = command_i[accel_pkg::SumMultiplierLsb +: 31];
        settings_o.shift               = command_i[accel_pkg::SumShiftLsb +: 6];
        settings_o.rounding            = command_i[accel_pkg::SumRoundingLsb +: 2];
        settings_o.low                 = 16'($signed(command_i[accel_pkg::SumLowLsb +: 8]));
        settings_o.high                = 16'($signed(command_i[accel_pkg::SumHighLsb +: 8]));
        settings_o.to_register         = command_i[accel_pkg::SumRangeLsb +: 2] != accel_pkg::RangingNone;
        settings_o.positive            = command_i[accel_pkg::SumRangeLsb +: 2] == accel_pkg::RangingPositive;
        settings_o.destination         = command_i[accel_pkg::SumDestinationLsb +: 5];
        settings_o.value               = 32'(command_i[accel_pkg::SumRangeStartLsb +: 31]);
        settings_o.index_base          = command_i[accel_pkg::SumKeyLsb +: 32] +
                                         32'(command_i[accel_pkg::SumIndexStartLsb +: 31]);
        settings_o.index_pixel_stride  = settings_o.columns;
        settings_o.random_bits         = command_i[accel_pkg::SumRandomBitsLsb +: 5];
        settings_o.illegal             = settings_o.rounding == accel_pkg::RoundingDouble ||
                                         command_i[accel_pkg::SumRangeLsb +: 2] == 2'd3;
      end
    endcase
  end
endmodule
`default_nettype wire
